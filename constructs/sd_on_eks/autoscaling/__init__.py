"""What scales: KEDA the runtimes' replicas on their queues, Karpenter the GPU nodes under them."""
