"""The CDK app around the stack: feature flags, the Node.js that jsii starts, the cost of an idle deployment."""
