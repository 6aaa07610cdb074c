"""Karpenter: provisions GPU nodes for pending pods and removes empty ones."""
