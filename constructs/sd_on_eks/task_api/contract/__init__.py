"""The contract of the API, written once and generated from there.

    schemas/*.yaml -> handler/request_schema.py   the validator that the handler runs
                   -> docs/openapi.json           OpenAPI 3.1
                   -> docs/api.md                 the page for application developers
    operations     -> handler/routes.py           method and path of each operation
    runtime_types  -> handler/content_checks.py   what checks the content of each task type

`make generate` writes them. `${task_types}` in a schema stands for what `task_record` knows. A schema keeps
to what JSON Schema draft-07 and 2020-12 both say, since the validator's generator knows the one and OpenAPI 3.1 the
other. The keyword `x-must` completes "must ..." where the words cannot follow from the other keywords.
"""
