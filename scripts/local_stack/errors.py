"""What can go wrong with the local stack, each in one sentence for the person at the keyboard."""


class LocalStackError(Exception):
    """The local stack cannot be brought up or has broken: what, and what to do."""
