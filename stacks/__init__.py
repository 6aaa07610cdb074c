"""The stacks of the app."""
