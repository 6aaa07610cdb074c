"""How much of a workflow is done."""

from collections.abc import Mapping
from typing import Any, Final

from queue_agent.runtimes.comfyui.events import Event

_SAMPLER: Final = "Sampler"


class Progress:
    """Share of a workflow that is done. A node counts as many steps as it has, most have one; a cached one has none.

    Args:
        workflow: the graph.
    """

    def __init__(self, workflow: Mapping[str, Any]) -> None:
        self._steps = {node_id: _steps(node) for node_id, node in workflow.items()}
        self._done: set[str] = set()
        self._current: str | None = None
        self._steps_done = 0.0
        self._share = 0.0

    def heard(self, event: Event) -> float | None:
        """Take an event into account.

        Returns:
            The share, 0 to 1, which never goes back; `None` where the event says nothing of it.
        """
        data = event.data
        match event.kind:
            case "execution_cached":
                for node_id in data.get("nodes") or []:
                    self._steps.pop(str(node_id), None)
            case "executing" if data.get("node") is not None:
                self._begin(str(data["node"]))
            case "progress" if isinstance(data.get("value"), int | float) and isinstance(data.get("max"), int | float):
                self._step(str(data.get("node")), data["value"], data["max"])
            case _:
                return None
        done = sum(self._steps.get(node_id, 0) for node_id in self._done) + self._steps_done
        self._share = max(self._share, min(done / max(sum(self._steps.values()), 1), 1.0))
        return self._share

    def _begin(self, node_id: str) -> None:
        if self._current is not None:
            self._done.add(self._current)
        self._done.discard(node_id)
        self._current, self._steps_done = node_id, 0.0

    def _step(self, node_id: str, value: float, steps: float) -> None:
        if node_id != self._current:
            self._begin(node_id)
        self._steps[node_id] = max(steps, 1.0)
        self._steps_done = value


def _steps(node: Any) -> float:  # noqa: ANN401 (any JSON value)
    if not isinstance(node, dict) or _SAMPLER not in str(node.get("class_type")):
        return 1.0
    inputs = node.get("inputs")
    steps = inputs.get("steps") if isinstance(inputs, dict) else None
    return float(steps) if isinstance(steps, int) and steps > 0 else 1.0
