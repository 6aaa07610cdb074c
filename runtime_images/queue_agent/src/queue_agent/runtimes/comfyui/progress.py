"""Progress of a workflow."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from queue_agent.runtimes.comfyui.events import Event

_SAMPLER: Final = "Sampler"
_SAMPLES: Final = frozenset({"latent_image", "sigmas", "steps"})
"""Sampling nodes have one of these inputs. Nodes that only select a sampler have none."""
_DEFAULT_STEPS: Final = 20
_MAX_STEPS: Final = 10_000
"""Maximum of the server's samplers. Larger numbers are in nodes that the server skips, and may overflow a float."""
_MAX_SHARE_WITHOUT_STEPS: Final = 0.5
"""All nodes without steps count at most this share of the total steps: most take only milliseconds."""


class Progress:
    """Completed share of a workflow, in steps of its nodes. A node without steps counts as one step at most.

    Cached nodes do not count. The number of steps of a node is known from its first progress event. Before that it is
    estimated for samplers.

    Args:
        workflow: the graph.
    """

    def __init__(self, workflow: Mapping[str, Any]) -> None:
        self._steps = dict(_guessed_steps(workflow))
        self._without_steps = workflow.keys() - self._steps.keys()
        self._done: set[str] = set()
        self._current: str | None = None
        self._steps_done = 0.0
        self._share = 0.0

    def heard(self, event: Event) -> float | None:
        """Process an event.

        Returns:
            The completed share, 0 to 1, which never decreases; `None` if the event does not change it.
        """
        data = event.data
        match event.kind:
            case "execution_cached":
                for node_id in map(str, data.get("nodes") or []):
                    self._steps.pop(node_id, None)
                    self._without_steps.discard(node_id)
            case "executing" if data.get("node") is not None:
                self._begin(str(data["node"]))
            case "progress" if isinstance(data.get("value"), int | float) and isinstance(data.get("max"), int | float):
                self._step(str(data.get("node")), data["value"], data["max"])
            case _:
                return None
        self._share = max(self._share, min(self._done_share(), 1.0))
        return self._share

    def _done_share(self) -> float:
        all_steps, quick = sum(self._steps.values()), len(self._without_steps)
        each = min(1.0, _MAX_SHARE_WITHOUT_STEPS * all_steps / max(quick, 1)) if all_steps else 1.0
        done = sum(self._steps.get(node_id, 0.0) for node_id in self._done)
        done += each * len(self._done & self._without_steps)
        if self._current in self._steps:
            done += self._steps_done
        return done / max(all_steps + each * quick, 1.0)

    def _begin(self, node_id: str) -> None:
        if self._current is not None:
            self._done.add(self._current)
        self._done.discard(node_id)
        self._current, self._steps_done = node_id, 0.0

    def _step(self, node_id: str, value: float, steps: float) -> None:
        if node_id != self._current:
            self._begin(node_id)
        self._steps[node_id] = max(steps, 1.0)
        self._without_steps.discard(node_id)
        self._steps_done = value


def _guessed_steps(workflow: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    """Steps of the sampling nodes: their own, or those of another node, such as a scheduler."""
    inputs_of = {
        node_id: (str(node.get("class_type")), node["inputs"])
        for node_id, node in workflow.items()
        if isinstance(node, dict) and isinstance(node.get("inputs"), dict)
    }
    known = {node_id: steps for node_id, (_, inputs) in inputs_of.items() if _is_count(steps := inputs.get("steps"))}
    for node_id, (class_type, inputs) in inputs_of.items():
        if _SAMPLER in class_type and inputs.keys() & _SAMPLES:
            yield node_id, float(known.get(node_id) or max(known.values(), default=_DEFAULT_STEPS))


def _is_count(value: Any) -> bool:  # noqa: ANN401 (any JSON value)
    return isinstance(value, int) and 0 < value <= _MAX_STEPS
