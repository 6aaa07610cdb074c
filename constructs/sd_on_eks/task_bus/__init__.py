"""Topics and queues: they carry a task to its runtime, and its callback to the subscribers."""
