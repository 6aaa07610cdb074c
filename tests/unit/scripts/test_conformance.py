"""The checks of a real deployment: each reports what does not follow the contract, and changes nothing permanently."""

import dataclasses
import itertools
import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest
import urllib3
from botocore.exceptions import ClientError

from conformance import account
from conformance.account import AccountChecks
from conformance.contract import ContractChecks
from deployed_api import Api, VerificationError
from verification.api_client import ApiClient, Response
from verification.check import BrokenError, Check, Finding, SkippedError, run

API = Api(
    url="https://api.example.com/prod/",
    key="the-key",
    key_id="own",
    runtimes={"sd": "sdwebui"},
    checkpoints={"sd": "v1-5.safetensors"},
    settings={"CORS_ALLOW_ORIGINS": "https://app.example.com"},
    resources={
        "AWS::ApiGateway::RestApi": {"TaskApiRestApi": "api"},
        "AWS::Logs::LogGroup": {"TaskApiAccessLogGroup1": "access", "Other": "other"},
        "AWS::ApiGateway::UsagePlan": {"TaskApiPlansstudioUsagePlan1": "studio", "TaskApiUsagePlan1": "own"},
        "AWS::SNS::Topic": {"TaskBusInputTopic1": "arn:aws:sns:us-east-1:111122223333:in"},
    },
    is_emulated=False,
)
PAGE = "https://app.example.com"


def reply(status: int, code: str | None = None, message: str = "m", **headers: str) -> Response:
    error = {"error": {"code": code, "message": message, "request_id": "r"}}
    return Response(status, headers, json.dumps({} if code is None else error).encode())


class Gateway(ApiClient):
    """A deployment that follows the contract, except for the changes of a test."""

    def __init__(self, changed: Callable[[str, str, Mapping[str, str], bytes], Response | None] | None = None) -> None:
        super().__init__(API.url, API.key, connections=1)
        self._changed = changed or (lambda *_: None)
        self.sent: list[tuple[str, str]] = []

    def send(self, method: str, path: str, headers: Mapping[str, str], body: bytes | None = None) -> Response:
        self.sent.append((method, path))
        answer = self._changed(method, path, headers, body or b"") or self._as_the_contract_says(
            method, path, headers, body or b""
        )
        origin = headers.get("Origin")
        if origin == PAGE and answer.allowed_origin is None:
            return dataclasses.replace(answer, headers={**answer.headers, "Access-Control-Allow-Origin": PAGE})
        return answer

    def _as_the_contract_says(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Response:
        if method == "OPTIONS":
            return reply(204)
        if headers.get("x-api-key") != API.key:
            return reply(401, "unauthorized")
        if path == "v1alpha9" or method == "DELETE" or (method, path) == ("GET", "v1alpha2"):
            return reply(403, "invalid_request") if "Authorization" in headers else reply(404, "unknown_route")
        if len(body) > 6_000_000:
            return reply(413, "too_large", "by way of POST /v1alpha2/uploads")
        if headers.get("Content-Type", "application/json") != "application/json":
            return reply(415, "unsupported_media_type")
        if path == "v1alpha2":
            runtime = json.loads(body)["task"]["metadata"]["runtime"]
            return reply(200) if runtime in API.runtimes else reply(404, "unknown_runtime")
        return reply(404, "unknown_task")


def contract(gateway: Gateway, api: Api = API) -> dict[str, Finding]:
    """Results of the checks by name, without the check of uploads, which needs a bucket."""
    return {check.name: run(check) for check in ContractChecks(api, gateway).checks[:-1]}


def only(findings: Mapping[str, Finding], outcome: str) -> dict[str, str]:
    return {check: finding.detail for check, finding in findings.items() if finding.outcome == outcome}


def test_all_checks_hold_if_the_deployment_follows_the_contract() -> None:
    assert set(only(contract(Gateway()), "holds")) == set(contract(Gateway()))


@pytest.mark.parametrize(
    ("check", "path", "when", "answer", "detail_part"),
    [
        ("no key", "v1alpha2/tasks/none", {}, Response(403, {}, b'{"message":"Forbidden"}'), '403 \'{"message"'),
        ("no key", "v1alpha2/tasks/none", {}, Response(401, {}, b"x"), "not the error body of the contract: 401 'x'"),
        ("an unknown route returns", "v1alpha9", {"x-api-key": API.key}, reply(404, "other"), "404 other instead of"),
        ("an unknown route with", "v1alpha9", {"Authorization": 'Bearer "a"'}, Response(403, {}, b'{"m": "'), "403"),
        ("an unknown route with", "v1alpha9", {"Authorization": 'Bearer "a"'}, reply(500, "x"), "500 instead of 4xx"),
        ("a body that is not JSON", "v1alpha2", {"Content-Type": "text/plain"}, reply(400, "invalid_json"), "400"),
    ],
)
def test_a_check_is_broken_if_a_response_does_not_follow_the_contract(
    check: str, path: str, when: dict[str, str], answer: Response, detail_part: str
) -> None:
    def changed(_method: str, to: str, headers: Mapping[str, str], _body: bytes) -> Response | None:
        return answer if to == path and (when.items() <= headers.items() if when else not headers) else None

    broken = only(contract(Gateway(changed)), "broken")
    (detail,) = [detail for name, detail in broken.items() if name.startswith(check)]
    assert detail_part in detail


@pytest.mark.parametrize(
    ("size", "answer", "check", "outcome", "detail_part"),
    [
        (4, reply(413, "too_large"), "a body of 4 MiB", "broken", "413"),
        (
            7,
            Response(413, {}, b"Request Too Long"),
            "a body over Lambda's",
            "broken",
            "not the error body of the contract",
        ),
        (7, reply(502, "internal"), "a body over Lambda's", "broken", "502"),
        (
            7,
            reply(413, "too_large", "smaller, please"),
            "a body over Lambda's",
            "broken",
            "the message must name POST /v1alpha2/uploads, got",
        ),
        (
            11,
            Response(413, {}, b"Request Too Long"),
            "a body over the gateway's",
            "holds",
            "the gateway's own response: 413",
        ),
        (11, reply(404, "unknown_runtime"), "a body over the gateway's", "broken", "404"),
    ],
)
def test_each_size_has_its_response(size: int, answer: Response, check: str, outcome: str, detail_part: str) -> None:
    sizes: list[int] = []

    def changed(_method: str, _path: str, _headers: Mapping[str, str], body: bytes) -> Response | None:
        sizes.append(len(body))
        return answer if len(body) == size * 2**20 else None

    found = contract(Gateway(changed))
    (detail,) = [detail for name, detail in only(found, outcome).items() if name.startswith(check)]
    assert detail_part in detail
    assert {4 * 2**20, 7 * 2**20, 11 * 2**20} <= set(sizes)


@pytest.mark.parametrize("origin", ["*", "https://example.com"])
def test_a_page_that_is_not_configured_must_not_be_allowed(origin: str) -> None:
    allowed = Response(204, {"Access-Control-Allow-Origin": origin}, b"")
    for api in (API, dataclasses.replace(API, settings={})):
        gateway = Gateway(
            lambda method, _path, headers, _: allowed if headers.get("Origin") != PAGE and method == "OPTIONS" else None
        )
        (detail,) = only(contract(gateway, api), "broken").values()
        assert "is allowed" in detail


class Bucket:
    """Accepts uploads to a presigned URL that match a condition."""

    def __init__(self, *, takes: Callable[[str, bytes], bool]) -> None:
        self._takes = takes

    def request(self, _method: str, _url: str, *, body: bytes, headers: Mapping[str, str]) -> Any:
        taken = self._takes(headers["Content-Type"], body)
        return urllib3.HTTPResponse(body=b"", status=200 if taken else 403, preload_content=False)


@pytest.mark.parametrize(
    ("takes", "link", "outcome", "detail"),
    [
        (
            lambda kind, body: (kind, len(body)) == ("application/json", 15),
            "https://b/k?X-Amz-Expires=900",
            "holds",
            "are rejected",
        ),
        (lambda kind, _: kind == "application/json", "https://b/k?X-Amz-Expires=900", "broken", "is accepted"),
        (lambda _, body: len(body) == 15, "https://b/k?X-Amz-Expires=900", "broken", "is accepted"),
        (lambda *_: False, "https://b/k?X-Amz-Expires=900", "broken", "an upload as declared is rejected"),
        (lambda *_: True, "https://b/k?X-Amz-Expires=60", "broken", "the URL must be valid for 900 s"),
    ],
)
def test_an_upload_must_have_the_declared_size_and_type(
    takes: Callable[[str, bytes], bool], link: str, outcome: str, detail: str
) -> None:
    offer = {"url": link, "method": "PUT", "headers": {"Content-Type": "application/json", "Content-Length": "15"}}
    gateway = Gateway(
        lambda _method, path, *_: Response(200, {}, json.dumps(offer).encode()) if path == "v1alpha2/uploads" else None
    )
    gateway.http = Bucket(takes=takes)  # type: ignore[assignment]  # all that is asked of it
    finding = run(ContractChecks(API, gateway).checks[-1])
    assert finding.outcome == outcome
    assert detail in finding.detail


@pytest.mark.parametrize(
    ("error", "outcome", "detail"),
    [
        (BrokenError("why"), "broken", "why"),
        (VerificationError("why"), "broken", "why"),
        (SkippedError("why"), "skipped", "why"),
        (urllib3.exceptions.ProtocolError("gone"), "broken", "no response: gone"),
        (ClientError({"Error": {"Code": "AccessDenied"}}, "Get"), "broken", "AWS cannot be reached"),
        (KeyError("name"), "broken", "a response has no 'name'"),
        (ValueError("name"), "broken", "a response cannot be read"),
    ],
)
def test_an_error_of_a_check_does_not_stop_the_others(error: Exception, outcome: str, detail: str) -> None:
    def fails() -> str:
        raise error

    first, second = (run(check) for check in (Check("first", fails), Check("second", lambda: "found")))
    assert (first.outcome, second) == (outcome, Finding("second", "holds", "found"))
    assert detail in first.detail


class Account:
    """The AWS services that the checks of the account call."""

    def __init__(self) -> None:
        self.role: str | None = "arn:aws:iam::111122223333:role/logs"
        self.lines = ['{"status": "404"}']
        self.redrive: str | None = "{}"
        self.waiting = "1"
        self.limits = {"rateLimit": 1.0, "burstLimit": 1}
        self.keys: dict[str, bool] = {}
        self.answers = {
            kind: {
                "responseType": kind,
                "statusCode": status,
                "responseTemplates": {
                    "application/json": '{"error":{"code":"c","message":$context.error.messageString,"request_id":"r"}}'
                },
                "responseParameters": {"gatewayresponse.header.Retry-After": "'1'"},
            }
            for kind, status in account._STATUS.items()
        }

    def __call__(self, _service: str) -> "Account":
        return self

    def get_account(self) -> dict[str, Any]:
        return {"cloudwatchRoleArn": self.role} if self.role else {}

    def filter_log_events(self, **_: Any) -> dict[str, Any]:
        return {"events": [{"message": line} for line in self.lines]}

    def get_gateway_responses(self, **_: Any) -> dict[str, Any]:
        return {"items": list(self.answers.values())}

    def get_usage_plan(self, **plan: Any) -> dict[str, Any]:
        assert plan == {"usagePlanId": "own"}
        return {"throttle": self.limits}

    def create_api_key(self, **_: Any) -> dict[str, Any]:
        self.keys["made"] = True
        return {"id": "made", "value": "made's value"}

    def create_usage_plan_key(self, **key: Any) -> None:
        assert (key["usagePlanId"], key["keyId"]) == ("own", "made")

    def update_api_key(self, **_: Any) -> None:
        self.keys["made"] = False

    def delete_api_key(self, **_: Any) -> None:
        del self.keys["made"]

    def get_paginator(self, _operation: str) -> "Account":
        return self

    def paginate(self, **_: Any) -> list[dict[str, Any]]:
        return [{"Subscriptions": [{"SubscriptionArn": "sub", "Endpoint": "arn:aws:sqs:us-east-1:111122223333:q"}]}]

    def get_subscription_attributes(self, **_: Any) -> dict[str, Any]:
        redrive = {"RedrivePolicy": self.redrive} if self.redrive else {}
        return {"Attributes": {"FilterPolicy": '{"runtime": ["sd"]}', **redrive}}

    def get_queue_url(self, **_: Any) -> dict[str, Any]:
        return {"QueueUrl": "url"}

    def get_queue_attributes(self, **_: Any) -> dict[str, Any]:
        names = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")
        return {"Attributes": dict.fromkeys(names, self.waiting)}


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Account:
    made = Account()
    monkeypatch.setattr(account, "aws_client", made)
    for name in ("_KEY_PROPAGATES_S", "_LOGGED_S", "_POLL_S"):
        monkeypatch.setattr(account, name, 0)
    return made


def checked(gateway: Gateway, begin: str, api: Api = API) -> Finding:
    """The result of the check whose name has this prefix."""
    checks = AccountChecks(api, gateway, timeout_s=0).checks
    (finding,) = [run(check) for check in checks if check.name.startswith(begin)]
    return finding


def of_a_key(aws: Account, *, honoured: bool) -> Gateway:
    """A gateway that knows the additional key, and rejects it when it is disabled if `honoured` is true."""

    def changed(_method: str, _path: str, headers: Mapping[str, str], _body: bytes) -> Response | None:
        if headers.get("x-api-key") != "made's value" or (honoured and not aws.keys["made"]):
            return None
        return reply(404, "unknown_task")

    return Gateway(changed)


def test_a_key_is_created_disabled_and_deleted(aws: Account) -> None:
    assert checked(of_a_key(aws, honoured=True), "a disabled key").outcome == "holds"
    assert aws.keys == {}


def test_a_disabled_key_that_works_is_broken_and_deleted(aws: Account) -> None:
    finding = checked(of_a_key(aws, honoured=False), "a disabled key")
    assert (finding.outcome, finding.detail) == ("broken", "a key still works a minute after it was disabled")
    assert aws.keys == {}


@pytest.mark.usefixtures("aws")
def test_a_task_is_cancelled_once_it_is_in_its_queue() -> None:
    gateway = Gateway()
    assert checked(gateway, "every task").outcome == "holds"
    assert gateway.sent[-1][0] == "POST"
    assert gateway.sent[-1][1].endswith("/cancel")


def test_a_task_that_does_not_reach_its_queue_is_broken_and_cancelled(aws: Account) -> None:
    aws.waiting = "0"
    gateway = Gateway(lambda method, path, *_: reply(200) if method == "GET" and "conformance" in path else None)
    finding = checked(gateway, "every task")
    assert (finding.outcome, finding.detail) == ("broken", "a task for sd did not reach its queue")
    assert gateway.sent[-1][1].endswith("/cancel")


def test_a_subscription_that_drops_messages_is_broken(aws: Account) -> None:
    aws.redrive = None
    assert "must have a RedrivePolicy, got none" in checked(Gateway(), "every task").detail


@pytest.mark.usefixtures("aws")
def test_a_runtime_without_a_subscription_is_broken() -> None:
    further = dataclasses.replace(API, runtimes={"comfy": "comfyui"})
    assert checked(Gateway(), "every task", further).detail == "no subscription sends tasks to comfy"


@pytest.mark.parametrize(
    ("attribute", "value", "detail_part"),
    [
        ("role", None, "the account has no logging role"),
        ("lines", [], "the request r is not in the access log"),
        ("lines", ["x-api-key=the-key"], "the access log has the API key"),
    ],
)
def test_missing_or_leaking_logs_are_broken(aws: Account, attribute: str, value: Any, detail_part: str) -> None:
    assert checked(Gateway(), "the account has a logging role").outcome == "holds"
    setattr(aws, attribute, value)
    finding = checked(Gateway(), "the account has a logging role")
    assert finding.outcome == "broken"
    assert detail_part in finding.detail


@pytest.mark.parametrize(
    ("kind", "change", "detail_part"),
    [
        ("INTEGRATION_TIMEOUT", {"statusCode": "500"}, "INTEGRATION_TIMEOUT must have the status 504, got 500"),
        ("DEFAULT_5XX", {"responseTemplates": {}}, "DEFAULT_5XX must have the error body of the contract, got ''"),
        ("THROTTLED", {"responseParameters": {}}, "THROTTLED must have the header Retry-After, got none"),
    ],
)
def test_a_gateway_response_that_is_configured_otherwise_is_broken(
    aws: Account, kind: str, change: dict[str, Any], detail_part: str
) -> None:
    assert checked(Gateway(), "504").outcome == "holds"
    aws.answers[kind] |= change
    assert checked(Gateway(), "504") == Finding(checked(Gateway(), "504").check, "broken", detail_part)


def throttled(**headers: str) -> Gateway:
    return Gateway(lambda *_: reply(429, "throttled", **headers))


@pytest.mark.usefixtures("aws")
def test_too_many_requests_must_be_rejected_with_retry_after() -> None:
    assert checked(throttled(**{"Retry-After": "1"}), "too many").outcome == "holds"
    assert checked(throttled(), "too many").detail == "429 must have the header Retry-After, got none"


def test_too_many_requests_that_are_accepted_are_broken(aws: Account) -> None:
    aws.limits = {"rateLimit": 10, "burstLimit": 1}
    assert checked(Gateway(), "too many").outcome == "broken"


@pytest.mark.parametrize(
    ("limits", "detail_part"),
    [
        ({"rateLimit": 10_000, "burstLimit": 10_000}, "more than one machine can send"),
        ({"rateLimit": 150, "burstLimit": 0}, "could be sent, which the throttle allows"),
    ],
)
def test_a_throttle_that_cannot_be_reached_is_skipped(
    aws: Account, monkeypatch: pytest.MonkeyPatch, limits: dict[str, float], detail_part: str
) -> None:
    clock = itertools.count(step=10)  # ten seconds between two reads of the clock: slower than the throttle
    monkeypatch.setattr("conformance.account.time.monotonic", lambda: next(clock))
    aws.limits = limits
    finding = checked(Gateway(), "too many")
    assert finding.outcome == "skipped"
    assert detail_part in finding.detail
