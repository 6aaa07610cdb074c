"""Verifies a deployment: checks, each a function with a name, and shared modules.

check       a check and its result
checklist   selects the checks of a deployment
checks/     the checks, one in each file
tasks       submits tasks, waits for their ends, stores their images
samples     request bodies
images      downloaded and decoded images
api_client  requests
display     shows checks while they run; no other module prints
"""
