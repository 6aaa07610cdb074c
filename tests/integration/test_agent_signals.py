"""Real signals to real agents that use real HTTP, with short protocol times."""

import json
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from local_stack.child_process import ChildProcess
from task_record import table
from task_record.callback import callback_of
from task_record.status import Status
from tests.fakes.careful_aws import BUCKET, CarefulAws
from tests.integration.agent_pods import Moment, Pods, exit_status, running_pods, wait_for


def callback_statuses(aws: CarefulAws) -> list[str]:
    """The statuses of all callbacks; each may be published only once."""
    bodies = [callback_of(image, BUCKET).body for image in aws.ends()]
    return [json.loads(body)["status"] for body in bodies]


@pytest.fixture
async def pods(tmp_path: Path) -> AsyncIterator[Pods]:
    async with running_pods(tmp_path) as running:
        yield running


async def test_an_idle_agent_that_receives_sigterm_does_not_wait_for_its_long_poll(pods: Pods) -> None:
    agent = await pods.start()
    await wait_for(lambda: pods.aws.asked["ReceiveMessage"] == 1)
    agent.terminate()
    assert await exit_status(agent) == 0
    assert pods.aws.answered["ReceiveMessage"] == 0


async def test_an_agent_whose_runtime_is_not_ready_stops_when_it_receives_sigterm(pods: Pods) -> None:
    requested: list[str] = []

    async def unavailable(request: web.Request) -> web.Response:
        requested.append(request.path)
        return web.Response(status=503)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", unavailable)
    agent = await pods.start(app)
    await wait_for(lambda: bool(requested))
    agent.terminate()
    assert await exit_status(agent) == 0
    assert pods.aws.asked["ReceiveMessage"] == 0


async def test_an_agent_that_receives_sigterm_releases_the_task_that_it_prepares(pods: Pods) -> None:
    agent = await pods.start()
    await pods.bring_to("preparing")
    agent.terminate()
    assert await exit_status(agent) == 0
    record = pods.aws.record()
    assert (record[table.STATUS], record[table.ATTEMPTS], pods.inference_count()) == (Status.QUEUED, 0, 0)
    answer: dict[str, Any] = pods.aws.clients["sqs"].receive_message(QueueUrl=pods.aws.queue_url)
    assert len(answer["Messages"]) == 1  # it is visible again at once


@pytest.mark.parametrize("moment", ["inferring", "delivering"])
async def test_an_agent_that_receives_sigterm_finishes_the_task_that_it_started(pods: Pods, moment: Moment) -> None:
    agent = await pods.start()
    await pods.bring_to(moment)
    agent.terminate()
    pods.aws.faults.clear()
    assert await exit_status(agent) == 0
    assert (callback_statuses(pods.aws), pods.inference_count(), pods.aws.messages()) == ([Status.COMPLETED], 1, 0)


async def test_an_agent_on_spot_releases_a_task_that_would_outlast_its_node(pods: Pods) -> None:
    agent = await pods.start(inference_s=300, spot_allowed=True)
    await pods.bring_to("inferring")
    agent.terminate()
    assert await exit_status(agent) == 0
    record = pods.aws.record()
    assert (record[table.STATUS], record[table.ATTEMPTS], callback_statuses(pods.aws)) == (Status.QUEUED, 0, [])
    assert pods.events() == ["begin", "interrupted"]
    assert pods.aws.messages() == 1


@pytest.mark.parametrize(
    ("moment", "inferences"),
    [
        pytest.param("preparing", 1, marks=pytest.mark.soak),
        ("inferring", 2),
        pytest.param("delivering", 2, marks=pytest.mark.soak),
    ],
)
async def test_the_task_of_a_killed_agent_is_finished_by_another(pods: Pods, moment: Moment, inferences: int) -> None:
    agent = await pods.start()
    await pods.bring_to(moment)
    claim = pods.aws.record()[table.CLAIM]
    agent.kill()
    pods.aws.faults.clear()
    other = await pods.start()
    await finished_by(pods, other)
    assert pods.aws.record()[table.CLAIM] != claim
    assert (callback_statuses(pods.aws), pods.inference_count()) == ([Status.COMPLETED], inferences)


@pytest.mark.parametrize("moment", [pytest.param("inferring", marks=pytest.mark.soak), "delivering"])
async def test_an_agent_that_was_suspended_beyond_its_lease_finishes_nothing(pods: Pods, moment: Moment) -> None:
    agent = await pods.start()
    await pods.bring_to(moment)
    os.kill(agent.pid, signal.SIGSTOP)
    pods.aws.faults.clear()
    other = await pods.start()
    await finished_by(pods, other)
    finished = pods.aws.record()
    os.kill(agent.pid, signal.SIGCONT)
    agent.terminate()
    assert await exit_status(agent) == 0
    assert pods.aws.record() == finished
    assert (callback_statuses(pods.aws), pods.inference_count()) == ([Status.COMPLETED], 2)


async def finished_by(pods: Pods, agent: ChildProcess) -> None:
    """Wait until the task has ended and its message has been deleted, then stop the agent."""
    await wait_for(lambda: bool(pods.aws.ends()))
    await wait_for(lambda: pods.aws.messages() == 0)
    agent.terminate()
    assert await exit_status(agent) == 0
