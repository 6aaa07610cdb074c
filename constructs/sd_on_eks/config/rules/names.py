"""Names: uniqueness, and names that the stack reserves."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from sd_on_eks.config.rules.violation import Path, Violation
from task_record.pod_variables import AgentVariable, ServerVariable
from task_record.protocol_times import ProtocolTimes

if TYPE_CHECKING:
    from sd_on_eks.config.config import Config
    from sd_on_eks.config.workload import Workload

SHARED_POOL: Final = "shared"
"""Pool label of the nodes of the managed GPU node groups, which are always on, shared by all runtimes, and preferred
while they have capacity. The pool label of other GPU nodes is the runtime's name."""

FALLBACK_SUFFIX: Final = "-fallback"
"""Suffix of the name of a runtime's second NodePool."""

AGENT_SUFFIX: Final = "-queue-agent"
"""Suffix of the name of all agents' service accounts, by which the admission policy recognizes agents."""

_SYSTEM_NAMESPACES: Final = frozenset({"kube-system", "kube-public", "kube-node-lease", "keda", "amazon-cloudwatch"})
_AGENT_VARIABLES: Final = frozenset(
    {*AgentVariable, *ProtocolTimes().environment()} - {AgentVariable.METRICS_LOG_GROUP}
)
_AGENT_PREFIXES: Final = ("AWS_", "POD_")


def violations(config: "Config") -> Iterator[Violation]:
    """Violations of uniqueness, reserved names, and checkpoints."""
    yield from _unique("modelsRuntime", [runtime.name for runtime in config.models_runtime], "name")
    yield from _unique("APIGW.plans", [plan.name for plan in config.apigw.plans], "name")
    yield from _unique("APIGW.cors.allowOrigins", list(config.apigw.cors.allow_origins))
    if config.apigw.private_endpoint is not None:
        yield from _unique("APIGW.privateEndpoint.vpcEndpointIds", config.apigw.private_endpoint.vpc_endpoint_ids)
    yield from _unique("gpuNodeGroups", [group.name for group in config.gpu_node_groups], "name")
    yield from _unique("availabilityZones", list(config.availability_zones))
    yield from _unique("inputBucketArns", list(config.input_bucket_arns))
    yield from _unique("cluster.adminRoleArns", list(config.cluster.admin_role_arns))
    existing = config.network.existing_vpc
    if existing is not None:
        path = "network.existingVpc.privateSubnets"
        yield from _unique(path, [subnet.subnet_id for subnet in existing.private_subnets], "subnetId")
    yield from _reserved(config)
    yield from _checkpoints(config)


def _unique(key: str, names: Sequence[str], field: str | None = None) -> Iterator[Violation]:
    seen: Counter[str] = Counter()
    for index, name in enumerate(names):
        seen[name] += 1
        if seen[name] == 2:  # noqa: PLR2004 (reported only for the second occurrence)
            path: Path = (*key.split("."), index, *((field,) if field else ()))
            yield Violation(path, f"must be unique, got {name} again")


def _reserved(config: "Config") -> Iterator[Violation]:
    agents = {(runtime.namespace, runtime.name + AGENT_SUFFIX): runtime.name for runtime in config.models_runtime}
    for index, runtime in enumerate(config.models_runtime):
        path = ("modelsRuntime", index)
        # Pods of the previous release have a service account with the runtime's name.
        if owner := agents.get((runtime.namespace, runtime.name)):
            message = f"must not be {runtime.name}, which is the service account of the agents of {owner}"
            yield Violation((*path, "name"), message)
        # Nodes have the label pool=<runtime>, or pool=shared if they are shared by all runtimes.
        if runtime.name == SHARED_POOL:
            yield Violation((*path, "name"), 'must not be "shared", which is the pool of the GPU node groups')
        if runtime.name.endswith(FALLBACK_SUFFIX):
            message = f"must not end with {FALLBACK_SUFFIX}, the suffix of a runtime's second NodePool"
            yield Violation((*path, "name"), message)
        if runtime.namespace in _SYSTEM_NAMESPACES:
            yield Violation((*path, "namespace"), f"must not be {runtime.namespace}, which is a system namespace")
        yield from _reserved_variables((*path, "extraValues", "runtime"), runtime.extra_values.runtime)


def _reserved_variables(path: Path, pod: "Workload") -> Iterator[Violation]:
    for section, variables, is_reserved in (
        ("inferenceApi", pod.inference_api.env, frozenset(ServerVariable).__contains__),
        ("queueAgent", pod.queue_agent.env, _is_reserved_for_agents),
    ):
        for variable, value in variables.items():
            if is_reserved(variable):
                yield Violation((*path, section, "env", variable), "must not be set: the stack sets it")
            elif section == "queueAgent" and variable == AgentVariable.METRICS_LOG_GROUP and value:
                message = (
                    f"must be empty, which disables the agents' metrics, got {value[:80]}: the stack sets it otherwise"
                )
                yield Violation((*path, section, "env", variable), message)


def _is_reserved_for_agents(variable: str) -> bool:
    return variable in _AGENT_VARIABLES or variable.startswith(_AGENT_PREFIXES)


def _checkpoints(config: "Config") -> Iterator[Violation]:
    owners: dict[str, str] = {}
    for index, runtime in enumerate(config.models_runtime):
        path: Path = ("modelsRuntime", index)
        kind = runtime.runtime_type
        if not kind.has_named_inputs and runtime.extra_values.runtime.queue_agent.max_input_mb is not None:
            message = (
                f"must not be set for {kind.name}, which receives inputs in the request, with a limit of "
                f"{kind.max_input_bytes >> 20} MiB each"
            )
            yield Violation((*path, "extraValues", "runtime", "queueAgent", "maxInputMb"), message)
        if not kind.has_checkpoint:
            for key, value in (("modelFilename", runtime.model_filename), ("dynamicModel", runtime.dynamic_model)):
                if value:
                    message = f"must not be set for {kind.name}, whose workflows specify their models"
                    yield Violation((*path, key), message)
        elif runtime.model_filename is None:
            if not runtime.dynamic_model:
                yield Violation(
                    path,
                    "must have modelFilename, the checkpoint for its tasks, or dynamicModel: true, with which each "
                    "task specifies a checkpoint, got neither",
                )
        elif not runtime.dynamic_model and not runtime.retired:
            owner = owners.setdefault(runtime.model_filename, runtime.name)
            if owner != runtime.name:
                yield Violation(
                    (*path, "modelFilename"),
                    f"must be unique, because v1alpha1 routes by checkpoint, got {runtime.model_filename}, which "
                    f"{owner} already has",
                )
