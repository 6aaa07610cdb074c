"""Delivery: outputs -> objects -> .out -> finish -> delete, always in this order."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, TypeVar

import orjson

from queue_agent import clock
from queue_agent.errors import AwsError, BadTaskError, StalledError, TaskFailedError
from queue_agent.json_codec import encode_json
from queue_agent.logs import log
from queue_agent.message_receiver import ClaimedTask
from queue_agent.metrics import Outcome, TaskMetrics
from queue_agent.output_bucket import NameTakenError, OutputBucket
from queue_agent.queue import Queue
from queue_agent.result import bounded_text, result_of
from queue_agent.runtimes.base import Description, OutputFile, Outputs
from queue_agent.settings import Settings
from queue_agent.task_table import Refused, TaskTable
from task_record import transitions
from task_record.object_keys import TAGS_OF_A_CLAIM, answer_key, claim_tag, output_key, task_folder
from task_record.status import Status
from task_record.table import STATUS

T = TypeVar("T")
_RETRY_S: Final = 1.0
_FINISH_RETRY_S: Final = 600.0
"""The condition of the finish rejects it if the claim is lost, so it can be retried for a long time."""
_DELETE_TRIES: Final = 5


class Delivery:
    """Stores the outputs, finishes the record and deletes the message."""

    def __init__(
        self, task_table: TaskTable, queue: Queue, output_bucket: OutputBucket, settings: Settings, metrics: TaskMetrics
    ) -> None:
        self._task_table = task_table
        self._queue = queue
        self.output_bucket: OutputBucket = output_bucket
        self._settings = settings
        self._metrics = metrics

    async def complete(self, claimed: ClaimedTask, outputs: Outputs, timings: Mapping[str, float]) -> None:
        """Deliver the outputs of the runtime.

        Raises:
            TaskFailedError: the response of the runtime reports a failure.
            RuntimeUnavailableError: the runtime failed before its response was read.
            AwsError: the table did not respond within the retry time. The next receive of the message decides.
        """
        started = clock.monotonic_s()
        try:
            result = await self._store_outputs(claimed, outputs)
        except AwsError as error:
            await self.fail(claimed, TaskFailedError("storage", f"the results could not be stored: {error}"), timings)
            return
        stored = {**timings, "store_ms": round((clock.monotonic_s() - started) * 1000)}
        await self._finish(claimed, result=bounded_text(result), timings=stored, error=None)

    async def fail(
        self, claimed: ClaimedTask, failure: TaskFailedError | BadTaskError, timings: Mapping[str, float]
    ) -> None:
        """Deliver a failure.

        Raises:
            AwsError: the table did not respond within the retry time. The next receive of the message decides.
        """
        details = failure.details if isinstance(failure, TaskFailedError) else {}
        error = transitions.error_text(failure.code, str(failure), **details)
        if isinstance(failure, StalledError):
            log("task_stalled", task_id=claimed.message.id)
        await self._finish(claimed, result=None, timings=timings, error=error)

    async def delete(self, handle: str) -> None:
        """Delete the message of a terminal task. If that fails, the next receive deletes it."""
        for _ in range(_DELETE_TRIES):
            try:
                await self._queue.delete(handle)
            except AwsError:
                await asyncio.sleep(_RETRY_S)
            else:
                return

    async def make_visible(self, handle: str, seconds: float) -> None:
        """Set the visibility timeout of a message. If that fails, the current timeout applies."""
        try:
            await self._queue.change_visibility(handle, seconds)
        except AwsError as error:
            log("queue_unreachable", error=str(error))

    async def with_retries(self, attempt: Callable[[], Awaitable[T]]) -> T:
        """Retry a call until it succeeds, for as long as results may be kept in memory.

        Raises:
            AwsError: the last attempt failed.
        """
        until = clock.monotonic_s() + self._settings.storage_retry_s
        while True:
            try:
                return await attempt()
            except AwsError:
                if clock.monotonic_s() + _RETRY_S > until:
                    raise
                await asyncio.sleep(_RETRY_S)

    async def _store_outputs(self, claimed: ClaimedTask, outputs: Outputs) -> dict[str, Any]:
        """Store each output while the next one is read."""
        files: list[OutputFile] = []
        tag = claim_tag(claimed.lease.claim_id)
        puts: list[asyncio.Task[str]] = []
        try:
            async for file in outputs.files():
                puts.append(asyncio.create_task(self._put(claimed, tag, len(files), file)))
                files.append(file)
            for draw in range(1, TAGS_OF_A_CLAIM):
                try:
                    urls = list(await asyncio.gather(*puts))
                    return await self._answer(claimed, tag, outputs.description(), urls, files)
                except NameTakenError:
                    # Another claim has the same tag: all objects of this task get the next tag.
                    tag = claim_tag(claimed.lease.claim_id, draw)
                    await _cancel_all(puts)
                    puts = [asyncio.create_task(self._put(claimed, tag, n, file)) for n, file in enumerate(files)]
        finally:
            await _cancel_all(puts)
        raise AwsError("NameTaken", "every key of this claim already exists with other content", status=412)

    async def _put(self, claimed: ClaimedTask, tag: str, number: int, file: OutputFile) -> str:
        task = claimed.lease.task
        key = output_key(_folder(claimed), task.id, tag, number, file.extension)
        return await self.with_retries(lambda: self.output_bucket.put(key, file.data, file.content_type))

    async def _answer(
        self, claimed: ClaimedTask, tag: str, description: Description, urls: list[str], files: list[OutputFile]
    ) -> dict[str, Any]:
        task = claimed.lease.task
        result = result_of(urls, files, description)
        out = encode_json(
            {
                "id": claimed.message.id,
                "id_task": claimed.message.id,
                "submission": task.submission,
                "runtime": self._settings.runtime_name,
                "status": Status.COMPLETED.value,
                "context": claimed.message.context,
                **result,
                "response": description.response,
            }
        )
        key = answer_key(_folder(claimed), task.id, tag)
        url = await self.with_retries(lambda: self.output_bucket.put(key, out, "application/json"))
        return {"output_url": url, **result}

    async def _finish(
        self, claimed: ClaimedTask, *, result: str | None, timings: Mapping[str, float], error: str | None
    ) -> None:
        transition = transitions.finish(
            claimed.lease.task,
            claim_id=claimed.lease.claim_id,
            now_ms=clock.now_ms(),
            times=self._settings.times,
            result=result,
            timings=orjson.dumps(dict(timings)).decode(),
            error=error,
        )
        outcome = await self._task_table.write(transition, until=clock.monotonic_s() + _FINISH_RETRY_S)
        if isinstance(outcome, Refused):
            log("results_dropped", task_id=claimed.message.id)
            self._metrics.ended(Outcome.UNFINISHED, timings)
            if outcome.old is not None and not Status(str(outcome.old[STATUS])).is_terminal:
                return  # another agent holds the claim: it deletes the message
        else:
            log("task_finished", task_id=claimed.message.id, failed=error is not None, **timings)
            self._metrics.ended(Outcome.COMPLETED if error is None else Outcome.FAILED, timings)
        await self.delete(claimed.lease.handle)


def _folder(claimed: ClaimedTask) -> str:
    return task_folder(claimed.message.id, claimed.message.prefix)


async def _cancel_all(puts: list[asyncio.Task[str]]) -> None:
    """Cancel the puts that have not completed, and wait for them."""
    for put in puts:
        put.cancel()
    await asyncio.gather(*puts, return_exceptions=True)
