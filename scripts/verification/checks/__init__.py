"""The checks: each takes the tasks of a deployment, says what it found, and raises what is broken."""
