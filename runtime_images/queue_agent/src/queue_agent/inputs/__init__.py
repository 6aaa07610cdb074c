"""Inputs of a task that stand elsewhere: fetched while it is prepared, and guarded, for a stranger has named them.

    inputs         what a task names, and what it gets
    https_links    pictures on the web, from public addresses alone
    s3_links       pictures in S3, from allowed places alone
    sinks          where they go while they arrive
    limits         how much, how long

What API and agent both know of inputs is in `task_record.inputs`. Nothing is kept between two tasks: no cookie, no
connection, no picture.
"""
