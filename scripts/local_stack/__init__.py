"""The serverless side of the product on one machine: an AWS emulator, the very resources of the stack, both agents.

    certificate         TLS for loopback
    child_process       a child that never outlives its parent, and is named when it dies
    emulator            AWS on this machine
    synthesis           the slice of the stack, synthesized
    deployment          and deployed
    credentials_server  hands each agent the credentials of its role, as EKS Pod Identity does
    stack               all of it together
    __main__            the main job: bring it up, send tasks, show the pictures

It is for trying the product and for its tests. The inference servers are stand-ins that draw the prompt.
"""
