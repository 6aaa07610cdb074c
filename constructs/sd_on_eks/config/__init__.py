"""`config.yaml` -> `load_config()` -> frozen models."""
