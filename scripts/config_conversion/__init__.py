"""Rewrites a configuration of the existing solution; `scripts/convert_config.py` is its command."""
