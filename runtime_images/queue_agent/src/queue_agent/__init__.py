"""The queue agent: takes tasks from its queue, runs them on the inference server in its pod, stores what comes out.

    __main__          environment, wiring, signals
    settings          every setting, typed
    clock             the two clocks
    worker            the loop: become ready, receive just in time, stop
    message_receiver  what a received message means: claim its task, leave it to its holder, or end it
    lease             the heartbeat that renews a lease, and the deadline
    pipeline          one task from its claim to its end: prepare -> infer -> deliver
    delivery          outputs -> objects -> .out -> finish -> delete
    task_table        DynamoDB: the writes of `task_record`
    queue             SQS
    output_bucket     S3
    inputs            fetches what tasks refer to
    runtimes          one client for each type of inference server
    aws_client        signed calls to AWS over one HTTP client
    errors            what can go wrong, and how each case ends

Importing a module makes no client and reads no environment.
"""
