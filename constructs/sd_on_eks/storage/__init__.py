"""The S3 buckets and the task table."""
