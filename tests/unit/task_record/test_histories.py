"""Searches of all histories of one submission: the guarantees hold, and each rule of the protocol is needed."""

from dataclasses import fields

import pytest

from tests.unit.task_record.history_rules import Rules
from tests.unit.task_record.history_search import BrokenPromiseError, Search
from tests.unit.task_record.history_state import Bounds

WITHIN_HALF_THE_CLOCK_ERROR = (-1, 1)
"""Half ticks: one agent is half a second behind the table's clock, the other half a second ahead; e is one second."""

BROKEN_WITHOUT = {
    "lease_lapses_beyond_the_clock_error": "two inferences at once",
    "deadline_leaves_time_to_interrupt": "two inferences at once",
    "deadline_counts_from_the_first_send": "an attempt was used up without a fault",
    "deadline_is_checked_before_the_post": "an inference began while another claim's lease was valid",
    "inference_is_interrupted_at_the_deadline": "two inferences at once",
    "claim_is_fresh_for_every_receipt": "two inferences at once",
    "claim_respects_a_live_lease": "an inference began while another claim's lease was valid",
    "claim_makes_no_record_for_a_submission": "a terminal record was written again",
    "message_without_a_submission_makes_its_record": "the task can never end",
    "expired_task_is_not_claimed": "a task was claimed after it had expired",
    "attempts_are_bounded": "more attempts than are allowed",
    "renew_only_under_the_claim": "an inference began while another claim's lease was valid",
    "release_only_under_the_claim": "an inference began after the task had finished",
    "finish_only_under_the_claim": "the record names a claim that did not finish it",
    "cancel_leaves_an_ended_task": "a terminal record was written again",
    "give_up_leaves_an_ended_task": "a terminal record was written again",
    "give_up_respects_a_live_lease": "a task was given up under a live lease",
    "give_up_takes_the_claim_away": "a claim took another's end for its own",
    "refused_claim_counts_only_as_mine": "an inference began while another claim's lease was valid",
    "refused_finish_counts_only_as_mine": "a claim took another's end for its own",
    "refused_renewal_is_final": "an inference began while another claim's lease was valid",
    "message_stays_under_a_live_lease": "the message was deleted before the task had ended",
    "message_is_deleted_last": "the message was deleted before the task had ended",
    "message_of_an_ended_task_is_deleted": "the message can never go",
    "task_out_of_attempts_ends_before_its_message": "the message was deleted before the task had ended",
    "dead_letter_stays_under_a_live_lease": "the message was deleted before the task had ended",
    "lost_message_is_published_again": "the task can only be ended",
    "overdue_task_is_given_up": "the task can never end",
    "inference_waits_for_the_claims_answer": "two inferences at once",
    "lease_is_renewed": "more inferences than faults explain",
    "stale_receipt_handle_is_no_trouble": "more inferences than faults explain",
    "results_are_stored_before_the_finish": "the record names results that are not its claim's",
    "results_never_overwrite": "the record names results that are not its claim's",
    "release_only_when_seen_stopped": "two inferences at once",
    "released_is_no_attempt": "an attempt was used up without a fault",
    "runtime_death_is_an_attempt": "more runtimes died under the task than it has attempts",
    "failed_inference_ends_the_task": "more inferences than faults explain",
    "storage_trouble_ends_the_task": "more inferences than faults explain",
    "stalled_inference_is_interrupted": "the task can never end",
    "start_interrupts_what_runs": "an inference began while its runtime computed another",
}
"""For each rule, the guarantee that the search first finds violated without it."""

NO_FAULT = Bounds(faults=0, lost_replies=0, claims=2)
SHORTEST = {
    "claim_makes_no_record_for_a_submission": Bounds(faults=0, lost_replies=0, claims=2, is_removed=True),
    "message_without_a_submission_makes_its_record": Bounds(
        faults=0, lost_replies=0, claims=2, has_submission=False, is_cancelled=False
    ),
    "expired_task_is_not_claimed": Bounds(faults=0, lost_replies=0, claims=2, expires=True),
    "refused_finish_counts_only_as_mine": Bounds(faults=1, lost_replies=0, claims=2, is_cancelled=False),
    "message_of_an_ended_task_is_deleted": NO_FAULT,
    "lost_message_is_published_again": Bounds(faults=0, lost_replies=0, claims=2, losses=1),
    "overdue_task_is_given_up": Bounds(faults=1, lost_replies=0, claims=2, losses=1, is_cancelled=False),
    "runtime_death_is_an_attempt": Bounds(faults=3, lost_replies=0),
    "stalled_inference_is_interrupted": Bounds(faults=1, lost_replies=0, claims=2, is_cancelled=False),
    "attempts_are_bounded": Bounds(lost_replies=0),
    "task_out_of_attempts_ends_before_its_message": Bounds(lost_replies=0),
}
"""Limits that reveal the absence of a rule quickly, if the default limits do not."""


def test_every_history_keeps_the_promises() -> None:
    bounds = Bounds(faults=1, is_cancelled=False)
    assert Search(skews=WITHIN_HALF_THE_CLOCK_ERROR, bounds=bounds).run() >= 20_000


@pytest.mark.parametrize(
    "bounds",
    [
        pytest.param(
            Bounds(faults=1, lost_replies=0, claims=2, losses=1, republishes=1, is_removed=True),
            id="its message lost, doubled, left behind",
        ),
        pytest.param(Bounds(faults=1, lost_replies=0, expires=True), id="expired"),
        pytest.param(Bounds(faults=1, claims=2, has_submission=False), id="without a submission"),
    ],
)
def test_every_history_of_a_task_keeps_the_promises(bounds: Bounds) -> None:
    assert Search(skews=WITHIN_HALF_THE_CLOCK_ERROR, bounds=bounds).run() >= 10_000


@pytest.mark.soak
@pytest.mark.parametrize("skews", [(0, 0), (-1, 1), (1, -1)])
def test_every_longer_history_keeps_the_promises(skews: tuple[int, int]) -> None:
    assert Search(skews=skews, bounds=Bounds(claims=4)).run() >= 300_000


@pytest.mark.soak
def test_every_longer_history_with_a_lost_and_a_double_message_keeps_the_promises() -> None:
    bounds = Bounds(faults=1, claims=2, losses=1, republishes=1, expires=True, is_removed=True)
    assert Search(skews=WITHIN_HALF_THE_CLOCK_ERROR, bounds=bounds).run() >= 100_000


def test_two_agents_each_off_by_the_whole_clock_error_overlap() -> None:
    # So an agent is ready only within half of the clock error: see docs/adr/0004-clocks.md.
    with pytest.raises(BrokenPromiseError, match="two inferences at once"):
        Search(skews=(-2, 2), bounds=Bounds(faults=1, claims=2)).run()


@pytest.mark.parametrize("rule", [rule.name for rule in fields(Rules)])
def test_without_a_rule_a_promise_is_broken(rule: str) -> None:
    with pytest.raises(BrokenPromiseError, match=f"-> {BROKEN_WITHOUT[rule]}$"):
        Search(
            rules=Rules(**{rule: False}),
            skews=WITHIN_HALF_THE_CLOCK_ERROR,
            bounds=SHORTEST.get(rule, Bounds(faults=1, claims=2)),
        ).run()
