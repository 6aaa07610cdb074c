"""Owners of tasks."""

from collections.abc import Mapping
from dataclasses import dataclass

from task_record import table


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenants:
    """The tenants and their API keys.

    Attributes:
        isolated: whether a caller sees only its own tasks.
        names: tenants by the ids of their API keys; a key without a plan has none.
    """

    isolated: bool
    names: Mapping[str, str]

    def owner(self, api_key_id: str) -> str:
        """The owner of the tasks of an API key: its tenant, or the key itself.

        Tasks of a tenant stay accessible when its key is replaced.

        Args:
            api_key_id: id of the API key; not the key itself.
        """
        return self.names.get(api_key_id, api_key_id) if self.isolated else table.NO_OWNER
