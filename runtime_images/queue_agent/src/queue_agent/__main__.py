"""Entry point: `python -m queue_agent`. Reads the environment, wires the agent, and stops it on SIGTERM."""

import asyncio
import os
import signal
import socket
import ssl
import sys
import time
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Final

import aiohttp
import botocore.session

from queue_agent import clock, metrics
from queue_agent.aws_client import AwsClient, BotocoreCredentials
from queue_agent.deletion_cost import OwnPod, publish_deletion_cost
from queue_agent.errors import AgentError
from queue_agent.inputs.https_links import HttpsLinks
from queue_agent.inputs.inputs import Inputs
from queue_agent.inputs.s3_links import S3Links
from queue_agent.log_stream import LogStream
from queue_agent.logs import configure_logs, log
from queue_agent.output_bucket import OutputBucket
from queue_agent.queue import Queue
from queue_agent.runtimes.http import RuntimeHttp
from queue_agent.runtimes.registry import client_of
from queue_agent.settings import Settings
from queue_agent.task_table import TaskTable
from queue_agent.worker import Worker
from task_record.environment import SettingsError

_USAGE_ERROR: Final = 2
_FAILURE: Final = 1
_STOP_ADVICE: Final = (
    "set inferenceApi.command to the command of the image: a server that ignores the stop signal keeps the GPU for the "
    "pod's whole grace period ([/opt/start.sh] for an image built from this product's)"
)


async def run(settings: Settings, environment: Mapping[str, str]) -> None:
    """Run the agent until SIGTERM or SIGINT.

    Raises:
        AgentError: there are no credentials, or the pod must be replaced.
    """
    credentials = botocore.session.Session().get_credentials()
    if credentials is None:
        raise AgentError(
            "no AWS credentials were found; associate the pod's service account with a role (EKS Pod Identity)"
        )
    ca_bundle = environment.get("AWS_CA_BUNDLE")
    tls = ssl.create_default_context(cafile=ca_bundle) if ca_bundle else True
    # No connection limit: the heartbeat must never wait for an upload.
    aws_connector = aiohttp.TCPConnector(limit=0, ssl=tls, keepalive_timeout=15)
    async with (
        aiohttp.ClientSession(connector=aws_connector, auto_decompress=False) as aws_http,
        # One connection per request: a keep-alive connection that the server has closed looks like a failed server.
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0, force_close=True)) as runtime_http,
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as runtime_reads,
    ):
        aws = AwsClient(
            aws_http,
            BotocoreCredentials(credentials),
            region=settings.region,
            endpoint_url=settings.endpoint_url,
        )
        http = RuntimeHttp(runtime_http, settings.api_base_url, reads=runtime_reads)
        runtime = client_of(settings, http)
        output_bucket = OutputBucket(aws, settings.bucket)
        limits = settings.input_limits
        inputs = Inputs(HttpsLinks(limits), S3Links(aws, settings.bucket, limits), limits)
        worker = Worker(
            queue=Queue(aws, settings.queue_url, visibility_s=settings.times.visibility_s),
            runtime=runtime,
            output_bucket=output_bucket,
            task_table=TaskTable(aws, settings.table_name, call_timeout_s=settings.times.table_call_timeout_s),
            inputs=inputs,
            settings=settings,
        )
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, worker.stop)
        pod = OwnPod.from_environment(aws_http, environment)
        publishing = asyncio.create_task(publish_deletion_cost(pod, lambda: worker.is_busy)) if pod else None
        try:
            async with _metrics_written(worker, aws, settings):
                await worker.run()
        finally:
            if publishing is not None:
                publishing.cancel()


def _metrics_written(worker: Worker, aws: AwsClient, settings: Settings) -> AbstractAsyncContextManager[None]:
    if settings.metrics_log_group is None:
        return nullcontext()
    started = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(clock.now_ms() / 1000))
    # In a pod, the host name is the name of the pod.
    name = f"{settings.runtime_name}/{socket.gethostname()}/{started}"
    return metrics.writing(
        worker.metrics,
        LogStream(aws, settings.metrics_log_group, name),
        namespace=settings.metrics_namespace,
        runtime_name=settings.runtime_name,
    )


def main() -> int:
    """Run the agent.

    Returns:
        Exit status: 0 after a stop signal, 1 if the pod must be replaced, 2 for invalid environment variables.
    """
    configure_logs()
    try:
        settings = Settings.from_environment(os.environ)
        if not settings.runtime_stops_on_signal:
            log("runtime_may_ignore_stop", runtime=settings.runtime_name, advice=_STOP_ADVICE)
        asyncio.run(run(settings, os.environ))
    except SettingsError as error:
        print(error, file=sys.stderr)  # noqa: T201 (for a manual start)
        return _USAGE_ERROR
    except AgentError as error:
        log("agent_failed", error=type(error).__name__, reason=str(error))
        return _FAILURE
    log("stopped")
    return 0


if __name__ == "__main__":
    sys.exit(main())
