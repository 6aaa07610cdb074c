"""Lambda functions: the construct, and the asset with its code."""
