"""Kubernetes objects as pure functions that return dicts, a kind a file, for tests to read without the CDK."""
