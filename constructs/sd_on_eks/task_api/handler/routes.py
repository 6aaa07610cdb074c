"""Method and path of each operation, by its name.

Written by `make generate`; change contract/operations.py instead.
"""

from collections.abc import Mapping
from typing import Final

ROUTES: Final[Mapping[str, str]] = {
    "submitTask": "POST /v1alpha2",
    "createUpload": "POST /v1alpha2/uploads",
    "getTask": "GET /v1alpha2/tasks/{id}",
    "listTasks": "GET /v1alpha2/tasks",
    "cancelTask": "POST /v1alpha2/tasks/{id}/cancel",
    "submitV1alpha1": "POST /v1alpha1",
}
