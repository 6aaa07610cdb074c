"""The checks: each submits tasks to a deployment, and returns its result or raises what is broken."""
