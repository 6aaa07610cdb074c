"""What Lambda handlers find around them, staged into their assets beside them.

    clients    AWS clients with limits that fit into an invocation
    topic      a topic to publish to

Handlers do not import each other; what two of them need stands here. See docs/adr/0013-shared-handler-code.md.
"""
