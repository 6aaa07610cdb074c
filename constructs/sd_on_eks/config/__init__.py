"""The configuration: `load_config()` reads `config.yaml` into frozen models."""
