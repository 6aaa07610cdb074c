"""The contract of the API, and the files that are generated from it.

    schemas/*.yaml -> handler/request_schema.py   the validator that the handler runs
                   -> docs/openapi.json           OpenAPI 3.1
                   -> docs/api.md                 the API reference for application developers
    operations     -> handler/routes.py           method and path of each operation
    runtime_types  -> handler/content_checks.py   the validator of the content of each task type

`make generate` writes them. `${task_types}` in a schema is replaced by the values that `task_record` defines. A schema
uses only keywords that JSON Schema draft-07 and 2020-12 have in common: the generator of the validator supports the
former, OpenAPI 3.1 the latter. The keyword `x-must` completes the error message "must ..." if it cannot be derived from
the other keywords.
"""
