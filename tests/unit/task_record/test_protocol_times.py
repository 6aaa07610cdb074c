"""The relations between the times of the protocol."""

import pytest

from task_record.protocol_times import ProtocolTimes


def test_default_times_hold() -> None:
    assert ProtocolTimes().deadline_s == 26


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"visibility_s": 31}, r"visibility_s must be at least lease_s \+ clock_error_s, got 31 s and 32 s"),
        (
            {"interrupt_s": 25},
            r"lease_s - interrupt_s must be at least 2 \* beat_s \+ table_call_timeout_s, got 5 s and 8 s",
        ),
        ({"beat_s": 4}, r"beat_s \+ table_call_timeout_s must be at most 5 s, got 6 s"),
        ({"max_task_age_s": 400_000}, "queue_retention_s must be more than max_task_age_s"),
        ({"queue_retention_s": 1_300_000}, "dead_letter_retention_s must be more than queue_retention_s"),
        ({"record_ttl_s": 1_000_000}, "record_ttl_s must be more than dead_letter_retention_s"),
    ],
)
def test_fails_when_a_relation_does_not_hold(changed: dict[str, float], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        ProtocolTimes(**changed)  # type: ignore[arg-type] # a table of one float each, where two fields are integers
