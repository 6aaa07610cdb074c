"""The queue agent: takes tasks from its queue, runs them on the inference server in its pod, stores what comes out.

    __main__     environment, wiring, signals
    settings     every setting, typed
    clock        the two clocks
    worker       the loop: receive -> prepare -> infer -> deliver
    intake       what a received message means: claim it, leave it, or end it
    holding      the lease: the beat that renews it, and the deadline
    delivery     outputs -> objects -> .out -> finish -> delete
    record       the task's record, by the writes of `task_record`
    queue        SQS
    store        S3
    aws_client   signed calls to AWS over one HTTP client
    runtimes     the two inference servers
    errors       what can go wrong, and how each case ends

Importing a module makes no client and reads no environment.
"""
