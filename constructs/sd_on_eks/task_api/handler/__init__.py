"""The Lambda function of the API.

    app            the function's entry point; reads the settings once
    entry_point    handles a request, with logs and metrics; turns errors into error responses
    operations     one method for each route
    api_event, responses      requests from and responses to API Gateway

    body -> v1alpha1 | v1alpha2 (a TaskRequest) -> admission -> submit (one transaction) -> response
    uploads, payload_store    the output bucket
    task_store                the task table
    task_view, task_list, cancel

    request_schema, content_checks, routes    written by `make generate`; *_rules: what a schema cannot express

An invalid request is rejected here, with the field that is invalid and what is allowed, before anything is stored.
"""
