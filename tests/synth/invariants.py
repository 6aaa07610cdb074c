"""Invariants of the stack of every configuration. Each function raises AssertionError with the violation."""

import json
import re
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import Any, Final

from sd_on_eks.config.rules.size import MOST_RESOURCES, most_resources
from tests.fakes.api_server import ApiServer
from tests.synth.role_rights import (
    agents_may_patch_no_pod_unjudged,
    agents_reach_their_own_queue_alone,
    keda_reads_the_length_of_runtimes_queues_alone,
    no_role_has_full_access,
    policies_are_no_longer_than_allowed,
    roles_have_no_further_rights,
)
from tests.synth.synthesis import Synthesis, filled

_MOST_TEMPLATE_BYTES: Final = 1_000_000
"""https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html"""

_MOST_ENVIRONMENT_BYTES: Final = 4096
"""https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"""

_NAMES: Final = {
    "AWS::ApiGateway::ApiKey": ("Name",),
    "AWS::ApiGateway::UsagePlan": ("UsagePlanName",),
    "AWS::CloudWatch::Alarm": ("AlarmName",),
    "AWS::EKS::AccessEntry": ("PrincipalArn",),
    "AWS::EKS::Addon": ("AddonName",),
    "AWS::EKS::PodIdentityAssociation": ("Namespace", "ServiceAccount"),
    "AWS::Events::Rule": ("Name",),
    "AWS::IAM::Role": ("RoleName",),
    "AWS::Lambda::Function": ("FunctionName",),
    "AWS::Logs::LogGroup": ("LogGroupName",),
    "AWS::SNS::Topic": ("TopicName",),
    "AWS::SQS::Queue": ("QueueName",),
}
"""Properties that must be unique among resources of a type; if omitted, the service generates a name."""


def kubernetes_objects_are_unique(made: Synthesis) -> None:
    keys = [
        (one["apiVersion"], one["kind"], one["metadata"].get("namespace"), one["metadata"]["name"])
        for one in made.objects
    ]
    assert _repeated(keys) == [], "one of two objects of a name replaces the other"


def kubernetes_objects_are_valid(made: Synthesis) -> None:
    server = ApiServer(made.config.cluster.version)
    for one in made.objects:
        assert server.refusals(one) == [], f"{one['kind']} {one['metadata']['name']} is refused"


def containers_ask_for_no_more_than_they_may_use(made: Synthesis) -> None:
    for one in made.objects:
        if one["kind"] == "Deployment":
            pod = one["spec"]["template"]["spec"]
            for container in (*pod["initContainers"], *pod["containers"]):
                requests, limits = container["resources"]["requests"], container["resources"]["limits"]
                for name in requests.keys() & limits.keys():
                    place = f"{one['metadata']['name']}, {container['name']}, {name}"
                    assert _amount(requests[name]) <= _amount(limits[name]), f"{place}: {container['resources']}"


def names_are_unique(made: Synthesis) -> None:
    for kind, properties in _NAMES.items():
        names = [
            json.dumps([one["Properties"].get(name) for name in properties])
            for one in made.of_type(kind).values()
            if properties[0] in one.get("Properties", {})
        ]
        assert _repeated(names) == [], f"of two resources {kind} with one name the service refuses the second"


def queues_have_dead_letter_queues(made: Synthesis) -> None:
    queues = {name: one["Properties"] for name, one in made.of_type("AWS::SQS::Queue").items()}
    dead_letter_queues = {
        queue["RedrivePolicy"]["deadLetterTargetArn"]["Fn::GetAtt"][0]
        for queue in queues.values()
        if "RedrivePolicy" in queue
    }
    for name, queue in queues.items():
        is_interruption_queue = name.startswith("KarpenterInterruption")
        assert "RedrivePolicy" in queue or name in dead_letter_queues or is_interruption_queue, (
            f"{name} loses what nobody can handle"
        )
        if "RedrivePolicy" in queue:
            dead = queues[queue["RedrivePolicy"]["deadLetterTargetArn"]["Fn::GetAtt"][0]]
            # SQS keeps counting from the first send.
            assert dead["MessageRetentionPeriod"] > queue["MessageRetentionPeriod"], f"{name} outlives its dead letters"


def runtimes_get_their_own_tasks(made: Synthesis) -> None:
    subscriptions = [one["Properties"] for one in made.of_type("AWS::SNS::Subscription").values()]
    pods = {
        one["metadata"]["name"]: one["spec"]["template"]["spec"] for one in made.objects if one["kind"] == "Deployment"
    }
    triggers = {
        one["metadata"]["name"]: one["spec"]["triggers"][0] for one in made.objects if one["kind"] == "ScaledObject"
    }
    for runtime in made.config.models_runtime:
        found = [one for one in subscriptions if _matches(one["FilterPolicy"], runtime=runtime.name)]
        assert len(found) == 1, f"{len(found)} subscriptions take the tasks of {runtime.name}"
        queue_url = filled({"Ref": found[0]["Endpoint"]["Fn::GetAtt"][0]})
        (agent,) = pods[runtime.name]["containers"]
        environment = {one["name"]: one.get("value") for one in agent["env"]}
        assert environment["SQS_QUEUE_URL"] == queue_url, f"the agent of {runtime.name} reads another queue"
        assert triggers[runtime.name]["metadata"]["queueURL"] == queue_url, f"{runtime.name} scales on another queue"
    assert len(subscriptions) == len(made.config.models_runtime), "a subscription takes the tasks of no runtime"


def resources_are_no_more_than_promised(made: Synthesis) -> None:
    promised = most_resources(made.config)
    assert len(made.resources) <= promised <= MOST_RESOURCES, (
        f"{len(made.resources)} resources, at most {promised} by rules/size.py, {MOST_RESOURCES} by CloudFormation"
    )


def template_is_small_enough(made: Synthesis) -> None:
    size = len(made.text.encode())
    assert size < _MOST_TEMPLATE_BYTES, f"the template has {size} bytes; CloudFormation takes {_MOST_TEMPLATE_BYTES}"


def template_names_no_account(made: Synthesis) -> None:
    known = set(_accounts(made.config.model_dump_json()))
    assert set(_accounts(made.text)) - known == set(), "the template belongs to one account"


def functions_environments_fit(made: Synthesis) -> None:
    for name, one in made.of_type("AWS::Lambda::Function").items():
        variables = one["Properties"].get("Environment", {}).get("Variables", {})
        size = sum(len(key) + len(filled(value).encode()) for key, value in variables.items())
        assert size <= _MOST_ENVIRONMENT_BYTES, f"the environment of {name} has {size} bytes"


def nobody_is_warned(made: Synthesis) -> None:
    # Near the limits of CloudFormation, a warning is correct.
    warnings = [one for one in made.warnings if "is approaching" not in one]
    assert warnings == [], "users would see these warnings at each deployment and learn to ignore them"


def _repeated(values: Iterable[Hashable]) -> list[Hashable]:
    return [value for value, count in Counter(values).items() if count > 1]


def _matches(policy: Mapping[str, Any], **attributes: str) -> bool:
    """Whether a filter policy of plain strings accepts a message with these attributes."""
    assert all(isinstance(text, str) for texts in policy.values() for text in texts), f"{policy} is no list of texts"
    return all(attributes.get(name) in texts for name, texts in policy.items())


def _accounts(text: str) -> list[str]:
    return re.findall(r"(?<![0-9A-Za-z.])[0-9]{12}(?![0-9A-Za-z])", text)


def _amount(text: str) -> float:
    found = re.fullmatch(r"([0-9]+)(m|Mi|Gi)?", text)
    assert found is not None, f"{text} is no amount"
    number, unit = found.groups()
    return int(number) * {None: 1, "m": 0.001, "Mi": 2**20, "Gi": 2**30}[unit]


INVARIANTS: Final[tuple[Callable[[Synthesis], None], ...]] = (
    kubernetes_objects_are_unique,
    kubernetes_objects_are_valid,
    containers_ask_for_no_more_than_they_may_use,
    names_are_unique,
    queues_have_dead_letter_queues,
    runtimes_get_their_own_tasks,
    resources_are_no_more_than_promised,
    template_is_small_enough,
    template_names_no_account,
    functions_environments_fit,
    nobody_is_warned,
    roles_have_no_further_rights,
    no_role_has_full_access,
    agents_may_patch_no_pod_unjudged,
    agents_reach_their_own_queue_alone,
    keda_reads_the_length_of_runtimes_queues_alone,
    policies_are_no_longer_than_allowed,
)
