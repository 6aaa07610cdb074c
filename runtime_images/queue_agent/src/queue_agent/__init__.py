"""The queue agent: receives tasks from its queue, runs them on the inference server in its pod, and stores the outputs.

    __main__          environment, wiring, signals
    settings          typed settings from the environment
    clock             monotonic clock and wall clock
    worker            the main loop: become ready, receive just in time, stop
    message_receiver  claims the task of a received message, leaves it to its holder, or fails it
    lease             the heartbeat that renews a lease, and its deadline
    pipeline          one task from claim to finish: prepare -> infer -> deliver
    delivery          outputs -> objects -> .out -> finish -> delete
    task_table        DynamoDB: the writes of `task_record`
    queue             SQS
    output_bucket     S3
    inputs            fetches the inputs of tasks
    runtimes          one client for each type of inference server
    aws_client        signed calls to AWS over one HTTP client
    errors            the error types, and how each one ends a task

Importing a module creates no client and does not read the environment.
"""
