"""What ComfyUI says of itself."""

from queue_agent.runtimes.http import OK, PATIENCE_S, RuntimeHttp


class Features:
    """Asks for the server's features, once.

    Args:
        http: HTTP to the server.
    """

    def __init__(self, http: RuntimeHttp) -> None:
        self._http = http
        self._answer: dict[str, object] | None = None

    def forget(self) -> None:
        """To be called where the server may be a new process, with other arguments."""
        self._answer = None

    async def max_upload_bytes(self) -> int | None:
        """Largest request that uploads a file; `None` where the server does not say.

        Raises:
            RuntimeUnavailableError: the server is not there.
        """
        if self._answer is None:
            reply = await self._http.get("/features", timeout_s=PATIENCE_S)
            self._answer = reply.object() if reply.status == OK else {}
        said = self._answer.get("max_upload_size")
        return int(said) if isinstance(said, int | float) and said > 0 else None
