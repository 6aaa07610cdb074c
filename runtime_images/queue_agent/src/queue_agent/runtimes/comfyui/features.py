"""Features that ComfyUI reports."""

from queue_agent.runtimes.http import OK, PATIENCE_S, RuntimeHttp


class Features:
    """Reads the features of the server once, and caches them."""

    def __init__(self, http: RuntimeHttp) -> None:
        self._http = http
        self._answer: dict[str, object] | None = None

    def forget(self) -> None:
        """Clear the cache, because the server may have restarted with other arguments."""
        self._answer = None

    async def max_upload_bytes(self) -> int | None:
        """Maximum size of an upload request; `None` if the server does not report it.

        Raises:
            RuntimeUnavailableError: the server is unavailable.
        """
        if self._answer is None:
            reply = await self._http.get("/features", timeout_s=PATIENCE_S)
            self._answer = reply.object() if reply.status == OK else {}
        said = self._answer.get("max_upload_size")
        return int(said) if isinstance(said, int | float) and said > 0 else None
