"""Inputs of a task that stand elsewhere: fetched while it is prepared, and guarded, for a stranger has named them.

    inputs         what a task names, and what it gets
    image_fields   where a body of the SD Web UI holds pictures
    https_links    pictures on the web, from public addresses alone
    s3_links       pictures in S3, from allowed places alone
    addresses      which addresses are public
    limits         how much, how long

Nothing is kept between two tasks: no cookie, no connection, no picture.
"""
