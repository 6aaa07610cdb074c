"""The task record: states and transitions of one task, as pure functions.

The task table is the truth of the product and its outbox in both directions. Everything that writes it (the task API,
the queue agent, the handlers on the table's stream) builds its writes here, and nothing here does input or output:
a module returns what to send, and reads what came back. The package is staged into every Lambda asset and into the
agent's image, so it imports the standard library alone.

    status            the five states of a task
    environment       variables that must be there
    protocol_times    lease, beat, visibility and the relations between them
    table             attribute and key names of the task table and its indexes
    attribute_values  plain items <-> DynamoDB attribute values
    condition         conditions that render as DynamoDB expressions and evaluate in memory
    transition        one conditional write of one record
    transitions       the writes W2 to W7 of the protocol
    submission        the transaction W1
    identifiers       ids, ULIDs: what is allowed, and how they are made
    message           the message on the input topic and in the queues
    object_keys       names of the objects in the output bucket, and the prefixes that the product keeps for itself
    result            what a runtime made of a task, and how it is cut to what fits
    callback          the message on the output topic
    runtime_types     one row a type of runtime: its task types, inputs, checkpoint
    checkpoints       which checkpoint a task runs
    checkpoint_names  which file a checkpoint's name means
    model_folders     kinds of models, and the folders of the model bucket that hold them
"""
