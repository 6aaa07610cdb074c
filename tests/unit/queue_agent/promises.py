"""The guarantees of the task protocol, checked on the events of a run."""

from collections.abc import Iterator
from itertools import combinations

from task_record import table
from task_record.callback import callback_of
from task_record.status import TERMINAL, Status
from tests.unit.queue_agent.fault_world import Inference, Shared, submissions


def broken(shared: Shared, *, tasks: int = 3, faults: int, was_checked: bool = False) -> list[str]:
    """The guarantees that a run violated.

    Args:
        shared: the recorded events.
        tasks: number of tasks.
        faults: number of faults. Each may cost one more inference of a task.
        was_checked: the fault was between the check of the deadline and the request, which cannot be fenced.
    """
    found = [promise for one in submissions(tasks) for promise in _broken_of(shared, one, faults, was_checked)]
    if shared.world.messages or shared.world.hidden:
        found.append("messages are left")
    return found


def _broken_of(shared: Shared, submission: str, faults: int, was_checked: bool) -> Iterator[str]:
    item = shared.record_of(submission)
    endings = shared.world.endings.get(submission, [])
    if item[table.STATUS] not in TERMINAL or len(endings) != 1:
        yield f"{submission} is {item[table.STATUS]} and ended {len(endings)} times"
    if {*shared.world.callbacks.get(submission, [])} != {callback_of(item, "bucket").body}:
        yield f"{submission} has {len(shared.world.callbacks.get(submission, []))} different callbacks"
    mine = [one for one in shared.inferences if one.submission == submission]
    if len(mine) > 1 + faults:
        yield f"{submission} was inferred {len(mine)} times"
    if any(_overlap(one, other) for one, other in combinations(mine, 2)):
        yield f"{submission} was inferred twice at once"
    if not was_checked and any(one.others_lease or one.was_finished for one in mine):
        yield f"{submission} was begun under another's lease, or after it had ended"
    if item[table.STATUS] == Status.COMPLETED and f"-{str(item[table.CLAIM])[:4]}-0.png" not in str(item[table.RESULT]):
        yield f"{submission} names objects of another claim"


def _overlap(one: Inference, other: Inference) -> bool:
    if one.ended is None or other.ended is None:
        return True
    return one.started < other.ended and other.started < one.ended
