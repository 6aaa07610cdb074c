"""The constructs of Stable Diffusion on EKS, each with the run-time code that it deploys beside it.

Nothing is imported here: the Lambda handlers below this package must not pull infrastructure code in.
"""
