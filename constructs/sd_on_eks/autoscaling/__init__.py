"""Autoscaling: KEDA scales the runtimes' replicas based on their queues, Karpenter provisions the GPU nodes."""
