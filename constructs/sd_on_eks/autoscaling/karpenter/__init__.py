"""Karpenter: buys GPU nodes for pods that wait, and gives them back."""
