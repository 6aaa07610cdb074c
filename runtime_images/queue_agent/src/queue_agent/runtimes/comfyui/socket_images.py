"""Images that nodes send over the websocket in place of saving them: no file and no history has them.

They look like previews of samplers, so they are taken only while a node of such a class runs. A binary frame is

    4 bytes: 1, an image       4 bytes: its format       the image
    4 bytes: 4, with metadata  4 bytes: length           JSON with `node_id`       the image
"""

from collections.abc import Mapping
from typing import Any, Final

from queue_agent.json_codec import decode_json
from queue_agent.runtimes.comfyui.events import Event

_SENDERS: Final = frozenset({"SaveImageWebsocket", "ETN_SendImageWebSocket"})
_IMAGE: Final = 1
_IMAGE_WITH_METADATA: Final = 4
_WORD: Final = 4
_HEAD: Final = 2 * _WORD


class SocketImages:
    """Images of one prompt, in the order in which they came.

    Args:
        workflow: the graph.

    Attributes:
        images: node and bytes of each.
        senders: the nodes that send images.
    """

    def __init__(self, workflow: Mapping[str, Any]) -> None:
        self.images: list[tuple[str, bytes]] = []
        self.senders: frozenset[str] = frozenset(
            node_id
            for node_id, node in workflow.items()
            if isinstance(node, dict) and node.get("class_type") in _SENDERS
        )
        self._running: str | None = None
        self._announced: dict[str, float] = {}

    def heard(self, event: Event) -> None:
        """Learn from an event of the prompt which node runs, and how many images it sends."""
        node_id = str(event.data.get("node"))
        if event.kind == "executing":
            self._running = node_id
        elif event.kind == "progress" and node_id in self.senders and isinstance(event.data.get("max"), int | float):
            self._announced[node_id] = event.data["max"]

    def take(self, frame: bytes) -> None:
        """Keep the image in a binary frame, where it is one of a node that sends images."""
        if not self.senders or len(frame) <= _HEAD:
            return
        kind, second = int.from_bytes(frame[:_WORD]), int.from_bytes(frame[_WORD:_HEAD])
        node_id, image = self._running, frame[_HEAD:]
        if kind == _IMAGE_WITH_METADATA:
            metadata, image = decode_json(image[:second]), image[second:]
            node_id = str(metadata.get("node_id")) if isinstance(metadata, dict) else None
        elif kind != _IMAGE:
            return
        if node_id in self.senders and image:
            self.images.append((str(node_id), image))

    @property
    def are_whole(self) -> bool:
        """Whether every node has sent as many as it announced: to be asked where a websocket was lost meanwhile."""
        sent = [node_id for node_id, _ in self.images]
        return all(self._announced.get(node_id) == sent.count(node_id) for node_id in self.senders)
