"""Fetches the inputs of a task while it is prepared. Links are from callers, so they are not trusted.

    inputs         resolves the inputs of a task
    https_links    https:// links, to public addresses only
    s3_links       s3:// links, to allowed buckets and prefixes only
    sinks          destinations of the data: memory or disk
    limits         limits of size and time

The rules that the task API and the agent share are in `task_record.inputs`. Nothing is kept between two tasks: no
cookie, no connection, no file.
"""
