"""Rules over several keys of the configuration; each yields all that breaks it, so that all is told at once."""
