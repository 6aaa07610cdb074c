"""Rules that span several keys of the configuration. Each yields all violations, so that one run reports them all."""
