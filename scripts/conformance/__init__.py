"""Checks of the API's contract that need a real deployment, as in docs/first-deploy-checklist.md.

Each check holds, is broken, or is skipped with a reason. No image is generated: tasks are cancelled when they are in
their queues. An API key that a check creates is deleted afterwards.
"""
