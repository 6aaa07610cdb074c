"""Topics and queues: how a task reaches its runtime, and how its end reaches who waits for it."""
