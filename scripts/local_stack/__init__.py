"""The serverless side of the product on one machine: an AWS emulator, the very resources of the stack, both agents.

    certificate         TLS for loopback
    child_process       a child that never outlives its parent, and is named when it dies
    emulator            AWS on this machine; emulator_program is what its own Python runs
    synthesis           the serverless subset of the stack, synthesized
    deployment          and deployed
    credentials_server  hands each agent the credentials of its role, as EKS Pod Identity does
    stack               all of it together
    __main__            the main job: bring it up, send tasks, show the images; `make local`

    up, down            leave it up in the background, and end it; `make up`, `make down`
    supervisor          holds a stack that stays up
    stack_folder        its state, its logs, and who holds it
    client_environment  the file that a client sources
    trust_bundle        the authorities that such a client trusts

It is for trying the product and for its tests. The inference servers are stand-ins that draw the prompt.
"""
