"""The Lambda behind the API.

    request -> body (JSON, strictly) -> v1alpha1 | v1alpha2 (a TaskRequest) -> submit (one transaction) -> answer

Everything wrong is told here, with the field that is wrong and what is allowed; nothing wrong leaves a trace.
"""
