"""The CDK app: feature flags, the Node.js version for jsii, the idle cost of a deployment."""
