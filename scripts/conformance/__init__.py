"""What only a real deployment can show of the API's contract: docs/first-deploy-checklist.md, point by point.

Each check holds, is broken, or is skipped with the reason. Nothing is rendered: tasks are cancelled once they are in
their queues. A key that is made for a check is deleted after it.
"""
