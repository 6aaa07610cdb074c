"""The task record: the states and transitions of a task, as pure functions.

The task table is the source of truth of the product, and its outbox in both directions. Everything that writes to the
table (the task API, the queue agent, the stream handlers) builds its requests here. This package does no I/O: a
function returns the request to send, or decodes a response. The package is copied into every Lambda asset and into the
agent's image, so it imports only the standard library.

    status            the five states of a task
    environment       required environment variables
    protocol_times    lease, heartbeat, visibility timeout, and how they relate
    table             names of the attributes, keys and indexes of the task table
    attribute_values  plain items <-> DynamoDB attribute values
    condition         conditions, as DynamoDB expressions or evaluated in memory
    transition        one conditional write of a record
    transitions       claim, renew, release, finish, cancel, give up
    submission        submit: the transaction that creates a record
    identifiers       task ids and ULIDs: validation and generation
    message           the message on the input topic and in the queues
    object_keys       keys of the objects in the output bucket, and the reserved prefixes
    result            the result of a task, and how it is truncated
    callback          the message on the output topic
    runtime_types     one row per runtime type: its task types, inputs, checkpoint
    checkpoints       selects the checkpoint of a task
    checkpoint_names  resolves the name of a checkpoint to a file
    model_folders     model types, and their folders in the model bucket
"""
