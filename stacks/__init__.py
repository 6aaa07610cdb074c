"""The stack of the app."""
