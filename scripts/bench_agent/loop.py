"""The sequential baseline: one task at a time, one step after the other.

It uses the clients of the agent, so only the order of the steps differs.
"""

import asyncio
import os
import uuid

import aiohttp
import botocore.session

from queue_agent.aws_client import AwsClient, BotocoreCredentials
from queue_agent.output_bucket import OutputBucket
from queue_agent.queue import Queue
from queue_agent.runtimes.base import RuntimeTask
from queue_agent.runtimes.http import RuntimeHttp
from queue_agent.runtimes.registry import client_of
from queue_agent.settings import Settings
from queue_agent.task_table import TaskTable
from task_record import transitions
from task_record.message import decode_message
from task_record.transitions import TaskRef


async def work(settings: Settings) -> None:
    """Process the queue until the process is stopped."""
    credentials = botocore.session.Session().get_credentials()
    if credentials is None:
        raise SystemExit("the environment must have AWS credentials")
    async with aiohttp.ClientSession() as http:
        aws = AwsClient(
            http, BotocoreCredentials(credentials), region=settings.region, endpoint_url=settings.endpoint_url
        )
        queue = Queue(aws, settings.queue_url, visibility_s=settings.times.visibility_s)
        store, record = OutputBucket(aws, settings.bucket), TaskTable(aws, settings.table_name, call_timeout_s=2)
        runtime = client_of(settings, RuntimeHttp(http, settings.api_base_url))
        while True:
            message = await queue.receive(wait_s=20)
            if message is None:
                continue
            task = decode_message(message.body)
            reference = TaskRef(owner=task.owner, id=task.id, submission=str(task.submission))
            claim_id = str(uuid.uuid4())
            now_ms, loop = 0, asyncio.get_running_loop()
            claim = transitions.claim(reference, claim_id=claim_id, now_ms=now_ms, times=settings.times)
            await record.write(claim, until=loop.time())
            prepared = RuntimeTask(
                claim_id=claim_id,
                submission=reference.submission,
                tasktype=str(task.tasktype),
                content=task.content or {},
                checkpoint=task.checkpoint,
            )
            async with runtime.prepare(prepared) as request:
                outputs = await request.infer(before_post=lambda: None, on_progress=lambda _: None)
                urls = [
                    await store.put(f"{task.id}/{claim_id}-{number}", file.data, file.content_type)
                    for number, file in enumerate([file async for file in outputs.files()])
                ]
            await store.put(f"{task.id}/{claim_id}.out", str(urls).encode(), "application/json")
            finish = transitions.finish(
                reference, claim_id=claim_id, now_ms=now_ms, times=settings.times, result="{}", timings="{}"
            )
            await record.write(finish, until=loop.time())
            await queue.delete(message.handle)


if __name__ == "__main__":
    asyncio.run(work(Settings.from_environment(os.environ)))
