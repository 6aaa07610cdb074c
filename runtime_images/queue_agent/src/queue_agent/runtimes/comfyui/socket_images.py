"""Images that nodes send over the websocket instead of saving them. No file and no history entry has them.

They have the format of sampler previews, so they are stored only while a node of such a class runs. A binary frame is

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
    """Images of one prompt, in the order of their arrival.

    Args:
        workflow: the graph.

    Attributes:
        images: node id and content of each image.
        senders: ids of the nodes that send images.
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
        """Process an event: it reports the running node, or how many images a node will send."""
        node_id = str(event.data.get("node"))
        if event.kind == "executing":
            self._running = node_id
        elif event.kind == "progress" and node_id in self.senders and isinstance(event.data.get("max"), int | float):
            self._announced[node_id] = event.data["max"]

    def take(self, frame: bytes) -> None:
        """Store the image of a binary frame if it is from a node that sends images."""
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
        """Whether every node has sent all announced images. Only relevant after a lost connection."""
        sent = [node_id for node_id, _ in self.images]
        return all(self._announced.get(node_id) == sent.count(node_id) for node_id in self.senders)
