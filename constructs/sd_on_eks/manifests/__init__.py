"""Kubernetes objects as pure functions that return dicts, one kind per file, which tests can call without the CDK."""
