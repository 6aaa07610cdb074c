"""The HTTP API: submit tasks, get their status and results, and cancel them."""
