"""The HTTP API: where a task is submitted, looked up and cancelled."""
