"""Whose a task is."""

from collections.abc import Mapping
from dataclasses import dataclass

from task_record import table


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenants:
    """Who calls with which API key.

    Attributes:
        isolated: whether a caller sees its own tasks only.
        names: id of an API key -> tenant that it belongs to, where its plan has one.
    """

    isolated: bool
    names: Mapping[str, str]

    def owner(self, api_key_id: str) -> str:
        """Whose the tasks of a key are.

        Tasks of a tenant outlive its keys; a key without a tenant has its own.

        Args:
            api_key_id: id of the key, not a secret.
        """
        return self.names.get(api_key_id, api_key_id) if self.isolated else table.NO_OWNER
