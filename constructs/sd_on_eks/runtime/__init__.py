"""One runtime on the cluster: its images, its agent's role and metrics, its models, its Kubernetes objects."""
