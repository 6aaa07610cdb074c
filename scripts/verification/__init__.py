"""Whether a deployment works: checks, each a function with a name, and what they share.

check       a check, and what became of it
checklist   which checks a deployment gets
checks/     the checks, a file each
tasks       sends tasks, waits for their ends, keeps their images
samples     request bodies
images      files that were downloaded and decoded
api_client  requests
display     shows checks while they run; nothing else here prints
"""
