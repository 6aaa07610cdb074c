"""Recovery: what brings tasks to an end whose message was lost, was dead-lettered, or that nobody can run any more."""
