"""Where data is stored: the buckets and the task table."""
