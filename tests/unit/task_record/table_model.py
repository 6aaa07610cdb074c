"""The task table in memory, and the history of each submission, from the successful writes."""

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from task_record import table
from task_record.attribute_values import from_attribute_values
from task_record.status import TERMINAL, Status
from task_record.submission import Submission
from task_record.table import Item
from task_record.transition import Transition
from task_record.transitions import TaskRef


@dataclass
class Fate:
    """The history of one submission.

    Attributes:
        status: the state after the last successful write; empty before the first one.
        holder: claim that holds it.
        attempts: counted claims.
        ends: number of terminal writes.
        finished_by: claim that finished it.
    """

    status: str = ""
    holder: str = ""
    attempts: int = 0
    ends: int = 0
    finished_by: str = ""

    def note(self, write: Transition, claim_id: str) -> None:
        """Add a successful write."""
        self.attempts += write.adds.get(table.ATTEMPTS, 0)
        if write.name == "claim":
            self.status, self.holder = Status.RUNNING, claim_id
        elif write.name == "release":
            self.status, self.holder = Status.QUEUED, ""
        elif write.name in {"finish", "cancel", "give_up"}:
            self.status, self.holder, self.ends = str(write.sets[table.STATUS]), "", self.ends + 1
            self.finished_by = claim_id if write.name == "finish" else ""

    def counts_as_done(self, write: Transition, claim_id: str) -> bool:
        """Whether a rejected retry of a write is a success, from the history and not from the record."""
        return {
            "claim": self.holder == claim_id,
            "release": self.status == Status.QUEUED,
            "finish": self.finished_by == claim_id,
            "cancel": self.status == Status.CANCELLED,
            "give_up": self.status in TERMINAL,
        }.get(write.name, False)


@dataclass
class TableModel:
    """The task table.

    Attributes:
        items: items by partition key and sort key.
        fates: history of each submission.
    """

    items: dict[tuple[str, str], Item] = field(default_factory=dict)
    fates: dict[TaskRef, Fate] = field(default_factory=lambda: defaultdict(Fate))

    def get(self, key: Item) -> Item | None:
        """The item of this key."""
        return self.items.get((str(key[table.PK]), str(key[table.SK])))

    def put(self, item: Item) -> None:
        """Replace an item."""
        self.items[str(item[table.PK]), str(item[table.SK])] = item

    def submit(self, submission: Submission) -> list[Item | None]:
        """Submit.

        Returns:
            Nothing after a commit, otherwise for each item the old item that rejected it, or `None`.
        """
        puts = [one["Put"] for one in submission.transact_write_items("tasks")["TransactItems"]]
        reasons = [self._refusing(put) for put in puts]
        if any(reasons):
            return reasons
        for put in puts:
            self.put(from_attribute_values(put["Item"]))
        self.fates[submission.task].status = Status.QUEUED
        return []

    def _refusing(self, put: dict[str, Any]) -> Item | None:
        old = self.get(from_attribute_values(put["Item"]))
        now = put.get("ExpressionAttributeValues", {}).get(":now")
        is_expired = old is not None and now is not None and int(old[table.TTL]) < int(now["N"])
        return None if is_expired else old
