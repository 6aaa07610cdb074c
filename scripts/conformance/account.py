"""Checks of the AWS account."""

import json
import secrets
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any, Final

from conformance.smallest_task import smallest_task
from deployed_api import Api, aws_client
from verification.api_client import ApiClient
from verification.check import BrokenError, Check, SkippedError

_NO_TASK: Final = "v1alpha2/tasks/none"
_MOST_REQUESTS: Final = 500
_KEY_PROPAGATES_S: Final = 60
_LOGGED_S: Final = 90
_POLL_S: Final = 2.0

_RETRIED: Final = ("THROTTLED", "QUOTA_EXCEEDED")
_STATUS: Final = {
    "INVALID_API_KEY": "401",
    "MISSING_AUTHENTICATION_TOKEN": "404",
    "REQUEST_TOO_LARGE": "413",
    "UNSUPPORTED_MEDIA_TYPE": "415",
    "THROTTLED": "429",
    "QUOTA_EXCEEDED": "429",
    "INTEGRATION_FAILURE": "502",
    "INTEGRATION_TIMEOUT": "504",
    "DEFAULT_4XX": None,
    "DEFAULT_5XX": None,
}
"""Gateway responses and their status; `None` for the default status."""


class AccountChecks:
    """Checks that read resources of the account, or change them temporarily.

    Args:
        api: the deployment.
        client: sends requests to it.
        timeout_s: timeout until a task is in its queue, in seconds.
    """

    def __init__(self, api: Api, client: ApiClient, *, timeout_s: float) -> None:
        self._api = api
        self._client = client
        self._timeout_s = timeout_s

    @property
    def checks(self) -> tuple[Check, ...]:
        """The checks, in the order of the checklist."""
        return (
            Check("a disabled key returns 401", self._disabled_key),
            Check("504 and the other gateway responses are configured", self._configured_answers),
            Check("every task reaches the queue of its runtime", self._filters),
            Check("the account has a logging role, and the access log has no key", self._logs),
            Check("a presigned URL is valid until its expires_at", self._links),
            Check("too many requests return 429 with Retry-After", self._throttle),
        )

    def _disabled_key(self) -> str:
        if self._api.is_emulated:
            raise SkippedError("in the emulator, a disabled key still works")
        with self._additional_key() as (keys, key_id, value):
            headers = {"x-api-key": value}
            self._wait_until(
                lambda: self._client.send("GET", _NO_TASK, headers).status != HTTPStatus.UNAUTHORIZED,
                _KEY_PROPAGATES_S,
                "a new key does not work after a minute",
            )
            keys.update_api_key(
                apiKey=key_id, patchOperations=[{"op": "replace", "path": "/enabled", "value": "false"}]
            )
            self._wait_until(
                lambda: self._client.send("GET", _NO_TASK, headers).status != HTTPStatus.NOT_FOUND,
                _KEY_PROPAGATES_S,
                "a key still works a minute after it was disabled",
            )
            self._client.send("GET", _NO_TASK, headers).expect(HTTPStatus.UNAUTHORIZED, "unauthorized")
        return "401 unauthorized"

    def _configured_answers(self) -> str:
        gateway = aws_client("apigateway")
        api_id = self._api.only("AWS::ApiGateway::RestApi")
        answers = {one["responseType"]: one for one in gateway.get_gateway_responses(restApiId=api_id)["items"]}
        for kind, status in _STATUS.items():
            answer = answers[kind]
            if status is not None and answer.get("statusCode") != status:
                raise BrokenError(f"{kind} must have the status {status}, got {answer.get('statusCode')}")
            template = answer.get("responseTemplates", {}).get("application/json", "")
            try:
                body = json.loads(template.replace("$context.error.messageString", '"x"'))
            except ValueError:
                body = {}
            if set(body.get("error", ())) != {"code", "message", "request_id"}:
                raise BrokenError(f"{kind} must have the error body of the contract, got {template[:100]!r}")
            header = "gatewayresponse.header.Retry-After"
            if kind in _RETRIED and header not in answer.get("responseParameters", {}):
                raise BrokenError(f"{kind} must have the header Retry-After, got none")
        return "none was caused: the timeout of the function is a second less than that of the gateway"

    def _filters(self) -> str:
        queues = self._queues()
        took = []
        for runtime, kind in self._api.runtimes.items():
            if runtime not in queues:
                raise BrokenError(f"no subscription sends tasks to {runtime}")
            waited_s = self._arrives(runtime, kind, queues[runtime])
            took.append(f"{runtime} after {waited_s:.0f} s")
        if not took:
            raise SkippedError("the stack has no runtime")
        return ", ".join(took)

    def _queues(self) -> dict[str, str]:
        """URLs of the queues that the topic sends tasks to, by the names of their runtimes."""
        sns, sqs = aws_client("sns"), aws_client("sqs")
        topic = self._api.only("AWS::SNS::Topic", "TaskBusInputTopic")
        found: dict[str, str] = {}
        for page in sns.get_paginator("list_subscriptions_by_topic").paginate(TopicArn=topic):
            for one in page["Subscriptions"]:
                arn = one["SubscriptionArn"]
                attributes = sns.get_subscription_attributes(SubscriptionArn=arn)["Attributes"]
                if not attributes.get("RedrivePolicy"):
                    raise BrokenError(
                        f"{arn} must have a RedrivePolicy, got none: it drops messages that cannot be delivered"
                    )
                url = sqs.get_queue_url(QueueName=one["Endpoint"].rpartition(":")[2])["QueueUrl"]
                found.update(dict.fromkeys(json.loads(attributes["FilterPolicy"])["runtime"], url))
        return found

    def _arrives(self, runtime: str, kind: str, queue_url: str) -> float:
        """Submit a task, wait until it is in its queue or was received, cancel it; returns the duration in seconds."""
        sqs = aws_client("sqs")
        counts = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        task_id = f"conformance-{secrets.token_hex(4)}"
        started = time.monotonic()
        reply = self._client.post("v1alpha2", smallest_task(task_id, runtime, kind))
        if reply.status != HTTPStatus.OK:
            raise BrokenError(f"the submit of a task for {runtime} must return 200, got {reply.shown}")

        def has_arrived() -> bool:
            attributes = sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=counts)["Attributes"]
            if any(int(attributes[count]) for count in counts):
                return True
            task: dict[str, Any] = json.loads(self._client.send_with_key("GET", f"v1alpha2/tasks/{task_id}").body)
            return bool(task.get("status", "queued") != "queued")

        try:
            self._wait_until(has_arrived, self._timeout_s, f"a task for {runtime} did not reach its queue")
            return time.monotonic() - started
        finally:
            self._client.send_with_key("POST", f"v1alpha2/tasks/{task_id}/cancel")

    def _logs(self) -> str:
        if self._api.is_emulated:
            raise SkippedError("the emulator writes no access log")
        role = aws_client("apigateway").get_account().get("cloudwatchRoleArn")
        if not role:
            raise BrokenError("the account has no logging role for API Gateway")
        group = self._api.only("AWS::Logs::LogGroup", "TaskApiAccessLogGroup")
        request_id = self._client.send_with_key("GET", _NO_TASK).error["request_id"]
        logs = aws_client("logs")
        found: list[str] = []

        def is_logged() -> bool:
            events = logs.filter_log_events(logGroupName=group, filterPattern=f'"{request_id}"')["events"]
            found.extend(event["message"] for event in events)
            return bool(events)

        self._wait_until(is_logged, _LOGGED_S, f"the request {request_id} is not in the access log")
        if any(self._api.key in line for line in found):
            raise BrokenError("the access log has the API key")
        return f"as {role.rpartition('/')[2]}"

    def _links(self) -> str:
        raise SkippedError("it expires with the session that signed it: docs/first-deploy-checklist.md has the steps")

    def _throttle(self) -> str:
        limits = aws_client("apigateway").get_usage_plan(usagePlanId=self._plan_id())["throttle"]
        rate, burst = limits["rateLimit"], limits["burstLimit"]
        count = int(burst + 3 * rate)
        if count > _MOST_REQUESTS:
            raise SkippedError(f"{rate:g} requests/s with a burst of {burst} are more than one machine can send")
        started = time.monotonic()
        with ThreadPoolExecutor(self._client.connections) as senders:
            replies = list(senders.map(lambda _: self._client.send_with_key("GET", _NO_TASK), range(count)))
        took_s = time.monotonic() - started
        rejected = [reply for reply in replies if reply.status == HTTPStatus.TOO_MANY_REQUESTS]
        if not rejected and count <= burst + rate * took_s:
            raise SkippedError(f"{count / took_s:.0f} requests/s could be sent, which the throttle allows")
        if not rejected:
            raise BrokenError(f"none of {count} requests in {took_s:.1f} s was rejected")
        for reply in rejected:
            reply.expect(HTTPStatus.TOO_MANY_REQUESTS, "throttled")
            if not reply.headers.get("Retry-After", "").isdecimal():
                raise BrokenError("429 must have the header Retry-After, got none")
        return f"{len(rejected)} of {count} requests were rejected"

    def _plan_id(self) -> str:
        return self._api.only("AWS::ApiGateway::UsagePlan", "TaskApiUsagePlan")

    @contextmanager
    def _additional_key(self) -> Iterator[tuple[Any, str, str]]:
        """Create a key in the plan of the default key: client, id, value. It is deleted afterwards."""
        keys = aws_client("apigateway")
        made = keys.create_api_key(
            name=f"conformance-{secrets.token_hex(4)}", description="Created by test_api.py --conformance", enabled=True
        )
        try:
            keys.create_usage_plan_key(usagePlanId=self._plan_id(), keyId=made["id"], keyType="API_KEY")
            yield keys, made["id"], made["value"]
        finally:
            keys.delete_api_key(apiKey=made["id"])

    @staticmethod
    def _wait_until(condition: Callable[[], bool], timeout_s: float, otherwise: str) -> None:
        deadline = time.monotonic() + timeout_s
        while not condition():
            if time.monotonic() > deadline:
                raise BrokenError(otherwise)
            time.sleep(_POLL_S)
