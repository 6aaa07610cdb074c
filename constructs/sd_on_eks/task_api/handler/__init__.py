"""The Lambda behind the API.

    app            what Lambda calls: settings, once
    entry_point    a request to its answer, with logs and metrics; errors become answers here
    operations     what each route does
    api_event, responses      API Gateway's requests and answers

    body -> v1alpha1 | v1alpha2 (a TaskRequest) -> admission -> submit (one transaction) -> answer
    uploads, payload_store    the output bucket
    task_store                the task table
    task_view, task_list, cancel

    request_schema, content_checks, routes    written by `make generate`; *_rules are what no schema can say

Everything wrong is told here, with the field that is wrong and what is allowed; nothing wrong leaves a trace.
"""
