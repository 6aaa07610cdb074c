"""The rules of the task protocol. A search can remove each of them.

Excluded, because no guarantee of `history_promises` depends on them: visibility timeouts (a message may be received at
any time), the order of tasks, and everything that concerns more than one record: the transaction of the submit, the
generated submission of a message, the relay and the notifier.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

from task_record import table
from task_record.condition import AnyOf, Condition, Is
from task_record.status import TERMINAL, Status
from task_record.table import Item
from task_record.transition import Transition


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules of the protocol. A rule that is False is removed."""

    # Times.
    lease_lapses_beyond_the_clock_error: bool = True
    deadline_leaves_time_to_interrupt: bool = True
    deadline_counts_from_the_first_send: bool = True
    deadline_is_checked_before_the_post: bool = True
    inference_is_interrupted_at_the_deadline: bool = True
    # Conditions of the writes.
    claim_is_fresh_for_every_receipt: bool = True
    claim_respects_a_live_lease: bool = True
    claim_makes_no_record_for_a_submission: bool = True
    message_without_a_submission_makes_its_record: bool = True
    expired_task_is_not_claimed: bool = True
    attempts_are_bounded: bool = True
    renew_only_under_the_claim: bool = True
    release_only_under_the_claim: bool = True
    finish_only_under_the_claim: bool = True
    cancel_leaves_an_ended_task: bool = True
    give_up_leaves_an_ended_task: bool = True
    give_up_respects_a_live_lease: bool = True
    give_up_takes_the_claim_away: bool = True
    # Meaning of a rejection.
    refused_claim_counts_only_as_mine: bool = True
    refused_finish_counts_only_as_mine: bool = True
    refused_renewal_is_final: bool = True
    # The message.
    message_stays_under_a_live_lease: bool = True
    message_is_deleted_last: bool = True
    message_of_an_ended_task_is_deleted: bool = True
    task_out_of_attempts_ends_before_its_message: bool = True
    dead_letter_stays_under_a_live_lease: bool = True
    lost_message_is_published_again: bool = True
    overdue_task_is_given_up: bool = True
    # The holder.
    inference_waits_for_the_claims_answer: bool = True
    lease_is_renewed: bool = True
    stale_receipt_handle_is_no_trouble: bool = True
    results_are_stored_before_the_finish: bool = True
    results_never_overwrite: bool = True
    # Endings.
    release_only_when_seen_stopped: bool = True
    released_is_no_attempt: bool = True
    runtime_death_is_an_attempt: bool = True
    failed_inference_ends_the_task: bool = True
    storage_trouble_ends_the_task: bool = True
    stalled_inference_is_interrupted: bool = True
    start_interrupts_what_runs: bool = True


Weakening: TypeAlias = Callable[[Transition], Transition]


def _also_where(further: Condition) -> Weakening:
    return lambda write: replace(write, condition=AnyOf((write.condition, further)))


def _always_counts(write: Transition) -> Transition:
    def always(_old: Item) -> bool:
        return True

    return replace(write, was_done=always)


_RUNNING: Final = Is(table.STATUS, "=", Status.RUNNING)
_ENDED: Final = AnyOf(tuple(Is(table.STATUS, "=", status) for status in sorted(TERMINAL)))

WEAKENED: Final[dict[str, tuple[str, Weakening]]] = {
    "claim_respects_a_live_lease": ("claim", _also_where(_RUNNING)),
    "expired_task_is_not_claimed": ("claim", _also_where(Is(table.STATUS, "=", Status.QUEUED))),
    "renew_only_under_the_claim": ("renew", _also_where(_RUNNING)),
    "release_only_under_the_claim": ("release", _also_where(_RUNNING)),
    "finish_only_under_the_claim": ("finish", _also_where(_RUNNING)),
    "cancel_leaves_an_ended_task": ("cancel", _also_where(_ENDED)),
    "give_up_leaves_an_ended_task": ("give_up", _also_where(_ENDED)),
    "give_up_respects_a_live_lease": ("give_up", _also_where(_RUNNING)),
    "give_up_takes_the_claim_away": (
        "give_up",
        lambda write: replace(write, removes=tuple(name for name in write.removes if name != table.CLAIM)),
    ),
    "refused_claim_counts_only_as_mine": ("claim", _always_counts),
    "refused_finish_counts_only_as_mine": ("finish", _always_counts),
}
"""For each rule, the name of the write, and how the removal weakens it."""


def weakened(write: Transition, rules: Rules) -> Transition:
    """A write without the removed rules."""
    for rule, (name, weaken) in WEAKENED.items():
        if name == write.name and not getattr(rules, rule):
            write = weaken(write)
    return write
