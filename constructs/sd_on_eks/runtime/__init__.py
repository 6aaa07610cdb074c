"""A runtime on the cluster: images, agent role and metrics, models, Kubernetes objects."""
