"""Code that Lambda handlers share, staged into the asset of each of them.

    clients    AWS clients whose timeouts fit into an invocation
    topic      an SNS topic to publish to

Handlers do not import each other; what two of them need is in this package. See docs/adr/0013-shared-handler-code.md.
"""
