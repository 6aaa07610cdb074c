"""The EKS cluster: control plane, network, node groups, add-ons, admission policy, Helm charts."""
