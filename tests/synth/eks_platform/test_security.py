"""Security properties of all configurations: pods, their permissions, nodes and networks."""

import copy
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import assertions

from tests.synth.eks_platform.existing_vpc import EXISTING_VPC

RUNTIMES = [
    {
        "name": "sd",
        "namespace": "studio",
        "type": "sdwebui",
        "dynamicModel": True,
        "extraValues": {
            "runtime": {
                "labels": {"team": "art"},
                "annotations": {"example.com/note": "hello"},
                "inferenceApi": {"args": ["--medvram"], "env": {"CUDA_MODULE_LOADING": "LAZY"}},
                "queueAgent": {"env": {"STALL_S": "300"}},
                "persistence": {"existingClaim": "fsx-models"},
            },
            "karpenter": {"nodeTemplate": {"snapshotId": "snap-0123456789abcdef0"}},
        },
    },
    # In the namespace `default`, which the stack does not manage: no Pod Security Standard is enforced there.
    {"name": "comfy", "type": "comfyui"},
]
CONFIGURATIONS: dict[str, dict[str, Any]] = {
    "a VPC of the stack": {
        "gpuNodeGroups": [{"name": "warm", "diskSizeGib": 300}],
        "modelsRuntime": RUNTIMES,
    },
    "no way to the internet, all that watches": {
        "network": {"natGateways": "none"},
        "registries": {"charts": "oci://registry.example.com/charts", "images": "registry.example.com"},
        "cluster": {
            "endpointAccess": "private",
            "ownSecretsKey": True,
            "observability": True,
            "nodeMonitoring": True,
            "nodeRepair": True,
        },
        "gpuNodeGroups": [{"name": "warm", "capacityType": "spot"}],
        "modelsRuntime": RUNTIMES,
    },
    "a VPC that exists": {
        "network": {"existingVpc": EXISTING_VPC | {"interfaceEndpoints": True}},
        "modelsRuntime": RUNTIMES,
    },
}

RESTRICTED_CONTAINER = {
    "securityContext": {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "runAsNonRoot": True,
        "seccompProfile": {"type": "RuntimeDefault"},
    },
    "readinessProbe": {},
}
RESTRICTED_POD = {
    "metadata": {},
    "spec": {
        "securityContext": {},
        "initContainers": [RESTRICTED_CONTAINER],
        "containers": [RESTRICTED_CONTAINER],
        "volumes": [{"name": "scratch", "emptyDir": {}}],
    },
}

VOLUME_TYPES = {
    *("configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret"),
}
NAMES_OF_SECRETS = re.compile(r"(?i)passw|secret|credential|(private|api|access)_?key|_token$")
LOOKS_OF_SECRETS = re.compile(
    r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"  # AWS
    r"|-----BEGIN [A-Z ]*PRIVATE KEY"
    r"|\beyJ[\w-]{10,}\.eyJ"  # JSON Web Token
    r"|\bgh[opsu]_\w{36}|\bhf_\w{30}"  # GitHub, Hugging Face
    r"|://[^/\s:@]+:[^/\s:@]+@"  # a URL with its password
)
EVERYBODY = ("0.0.0.0/0", "::/0")

Resources = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Made:
    """The resources of a configuration."""

    resources: Resources
    objects: list[dict[str, Any]]

    def of_type(self, kind: str) -> list[dict[str, Any]]:
        return [one["Properties"] for one in self.resources.values() if one["Type"] == kind]

    def of_kind(self, kind: str) -> list[dict[str, Any]]:
        return [one for one in self.objects if one["kind"] == kind]

    def pods(self) -> list[dict[str, Any]]:
        """The template of each pod, for all kinds of objects that create pods."""
        return [
            one["spec"]["template"]
            for one in self.objects
            if "containers" in one.get("spec", {}).get("template", {}).get("spec", {})
        ]


@pytest.fixture(scope="module", params=CONFIGURATIONS)
def made(
    request: pytest.FixtureRequest,
    cluster_stack: Callable[[dict[str, Any]], cdk.Stack],
    fill: Callable[[object], str],
) -> Made:
    stack = cluster_stack(CONFIGURATIONS[request.param])
    resources = assertions.Template.from_stack(stack).to_json()["Resources"]
    manifests = [
        json.loads(fill(one["Properties"]["Manifest"]))
        for one in resources.values()
        if one["Type"] == "Custom::AWSCDK-EKS-KubernetesResource"
    ]
    return Made(resources, [one for manifest in manifests for one in manifest])


def containers(pod: dict[str, Any]) -> list[dict[str, Any]]:
    kinds = ("initContainers", "containers", "ephemeralContainers")
    return [container for kind in kinds for container in pod["spec"].get(kind, [])]


def broken_controls(pod: dict[str, Any]) -> set[str]:
    """Controls of the Pod Security Standard `restricted` that a pod breaks, by their names in the documentation.

    https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted

    It also rejects what the standard allows but no pod of this product needs: NET_BIND_SERVICE, safe sysctls, SELinux
    types, custom seccomp and AppArmor profiles, Windows.
    """
    spec = pod["spec"]
    of_pod = spec.get("securityContext", {})
    of_containers = [container.get("securityContext", {}) for container in containers(pod)]
    contexts = [of_pod, *of_containers]
    in_force = [of_pod | context for context in of_containers]
    handlers = [
        hook
        for container in containers(pod)
        for hook in (
            *(container.get(probe, {}) for probe in ("livenessProbe", "readinessProbe", "startupProbe")),
            *container.get("lifecycle", {}).values(),
        )
    ]
    ports = [port for container in containers(pod) for port in container.get("ports", [])]
    volume_types = {kind for volume in spec.get("volumes", []) for kind in volume.keys() - {"name"}}
    default = {"type": "RuntimeDefault"}
    holds = {
        "HostProcess": not any("windowsOptions" in context for context in contexts),
        "Host Namespaces": not any(spec.get(one) for one in ("hostNetwork", "hostPID", "hostIPC")),
        "Privileged Containers": not any(context.get("privileged") for context in of_containers),
        "Capabilities": all(context.get("capabilities") == {"drop": ["ALL"]} for context in of_containers),
        "Host Ports": not any(port.get("hostPort") for port in ports),
        "Host Probes / Lifecycle Hooks": not any(
            hook.get(way, {}).get("host") for hook in handlers for way in ("httpGet", "tcpSocket")
        ),
        "AppArmor": all(context.get("appArmorProfile", default) == default for context in contexts)
        and "container.apparmor.security.beta.kubernetes.io/" not in str(pod["metadata"].get("annotations")),
        "SELinux": not any("seLinuxOptions" in context for context in contexts),
        "/proc Mount Type": all(context.get("procMount", "Default") == "Default" for context in of_containers),
        "Seccomp": all(context.get("seccompProfile") == default for context in in_force)
        and of_pod.get("seccompProfile", default) == default,
        "Sysctls": "sysctls" not in of_pod,
        "Volume Types": volume_types <= VOLUME_TYPES,
        "Privilege Escalation": all(context.get("allowPrivilegeEscalation") is False for context in of_containers),
        "Running as Non-root": all(context.get("runAsNonRoot") is True for context in in_force),
        "Running as Non-root User": not any(context.get("runAsUser") == 0 for context in contexts),
    }
    return {control for control, is_kept in holds.items() if not is_kept}


def test_pods_meet_the_restricted_standard_in_every_namespace(made: Made) -> None:
    pods = made.pods()
    assert len(pods) == len(RUNTIMES)
    assert [broken_controls(pod) for pod in pods] == [set()] * len(RUNTIMES)


@pytest.mark.parametrize(
    ("control", "path", "value"),
    [
        ("HostProcess", "spec.securityContext.windowsOptions", {"hostProcess": True}),
        ("Host Namespaces", "spec.hostNetwork", True),
        ("Host Namespaces", "spec.hostPID", True),
        ("Host Namespaces", "spec.hostIPC", True),
        ("Privileged Containers", "spec.initContainers.0.securityContext.privileged", True),
        ("Capabilities", "spec.containers.0.securityContext.capabilities", {"drop": ["ALL"], "add": ["SYS_ADMIN"]}),
        ("Capabilities", "spec.initContainers.0.securityContext.capabilities", {}),
        ("Host Ports", "spec.containers.0.ports", [{"containerPort": 80, "hostPort": 80}]),
        ("Host Probes / Lifecycle Hooks", "spec.containers.0.readinessProbe.httpGet", {"host": "example.com"}),
        ("Host Probes / Lifecycle Hooks", "spec.containers.0.lifecycle", {"preStop": {"tcpSocket": {"host": "a"}}}),
        ("AppArmor", "spec.securityContext.appArmorProfile", {"type": "Unconfined"}),
        ("AppArmor", "metadata.annotations", {"container.apparmor.security.beta.kubernetes.io/a": "unconfined"}),
        ("SELinux", "spec.containers.0.securityContext.seLinuxOptions", {"user": "root"}),
        ("/proc Mount Type", "spec.containers.0.securityContext.procMount", "Unmasked"),
        ("Seccomp", "spec.initContainers.0.securityContext.seccompProfile", {"type": "Unconfined"}),
        ("Seccomp", "spec.securityContext.seccompProfile", {"type": "Unconfined"}),
        ("Sysctls", "spec.securityContext.sysctls", [{"name": "kernel.msgmax", "value": "1"}]),
        ("Volume Types", "spec.volumes.0", {"name": "models", "hostPath": {"path": "/"}}),
        ("Privilege Escalation", "spec.containers.0.securityContext.allowPrivilegeEscalation", True),
        ("Running as Non-root", "spec.initContainers.0.securityContext.runAsNonRoot", False),
        ("Running as Non-root User", "spec.containers.0.securityContext.runAsUser", 0),
    ],
)
def test_pod_that_breaks_a_control_is_found(control: str, path: str, value: object) -> None:
    pod = copy.deepcopy(RESTRICTED_POD)
    assert broken_controls(pod) == set()
    target: Any = pod
    *folders, last = path.split(".")
    for name in folders:
        target = target[int(name) if name.isdecimal() else name]
    target[int(last) if last.isdecimal() else last] = value
    assert broken_controls(pod) == {control}


def test_namespaces_of_the_stack_enforce_the_restricted_standard(made: Made) -> None:
    labels = {one["metadata"]["name"]: one["metadata"]["labels"] for one in made.of_kind("Namespace")}
    assert labels.keys() == {"studio"}
    assert labels["studio"]["pod-security.kubernetes.io/enforce"] == "restricted"


def test_pods_mount_no_part_of_a_volume(made: Made) -> None:
    # A part of a projected volume is never renewed, and a token in it would expire.
    mounts = [mount for pod in made.pods() for container in containers(pod) for mount in container["volumeMounts"]]
    assert mounts
    assert not [mount for mount in mounts if mount.keys() & {"subPath", "subPathExpr"}]


def test_every_container_but_the_agent_is_kept_from_the_agent_s_role(made: Made) -> None:
    for pod in made.pods():
        skipped = pod["metadata"]["annotations"]["eks.amazonaws.com/skip-containers"].split(",")
        assert {one["name"] for one in containers(pod)} - set(skipped) == {"queue-agent"}


def named_texts(value: object, name: str = "") -> Iterator[tuple[str, str]]:
    """Every string with its name; an environment variable has its own name."""
    match value:
        case {"name": str(variable), "value": str(text)}:
            yield variable, text
        case dict():
            for key, part in value.items():
                yield from named_texts(part, key)
        case list():
            for part in value:
                yield from named_texts(part, name)
        case str():
            yield name, value


def credentials(value: object) -> list[str]:
    return [
        f"{name}={text}"
        for name, text in named_texts(value)
        if NAMES_OF_SECRETS.search(name) or LOOKS_OF_SECRETS.search(text)
    ]


def test_no_object_is_or_holds_a_secret(made: Made) -> None:
    assert made.of_kind("Secret") == []
    assert credentials(made.objects) == []


def test_no_chart_and_no_function_is_handed_a_secret(made: Made, fill: Callable[[object], str]) -> None:
    values = [json.loads(fill(one["Values"])) for one in made.of_type("Custom::AWSCDK-EKS-HelmChart")]
    environments = [one.get("Environment", {}) for one in made.of_type("AWS::Lambda::Function")]
    assert len(values) == 3
    assert credentials([values, environments]) == []


@pytest.mark.parametrize(
    "planted",
    [
        {"env": [{"name": "HF_TOKEN", "value": "x"}]},
        {"env": [{"name": "WEBUI_PASSWORD", "value": "x"}]},
        {"args": ["--key", "AKIAIOSFODNN7EXAMPLE"]},
        {"data": {"tls.key": "-----BEGIN RSA PRIVATE KEY-----"}},
        {"args": ["--proxy", "http://user:word@proxy.example.com"]},
    ],
)
def test_a_secret_would_be_found(planted: dict[str, Any]) -> None:
    assert len(credentials({"spec": {"containers": [planted]}})) == 1


def test_pods_run_as_existing_service_accounts(made: Made) -> None:
    accounts = {(one["metadata"]["namespace"], one["metadata"]["name"]) for one in made.of_kind("ServiceAccount")}
    used = {
        (one["metadata"]["namespace"], one["spec"]["template"]["spec"]["serviceAccountName"])
        for one in made.of_kind("Deployment")
    }
    assert used == accounts


def test_roles_in_the_cluster_allow_only_to_patch_pods(made: Made) -> None:
    assert not made.of_kind("ClusterRole") + made.of_kind("ClusterRoleBinding")
    roles, bindings = made.of_kind("Role"), made.of_kind("RoleBinding")
    assert len(roles) == len(bindings) == len(RUNTIMES)
    for role in roles:
        assert role["rules"] == [{"apiGroups": [""], "resources": ["pods"], "verbs": ["patch"]}]
    for binding in bindings:
        assert binding["roleRef"]["kind"] == "Role"
        assert [one["kind"] for one in binding["subjects"]] == ["ServiceAccount"]
        assert binding["subjects"][0]["namespace"] == binding["metadata"]["namespace"]


def pod_identities(made: Made) -> list[tuple[str, str, object]]:
    """Where, which service account, which role."""
    return [
        *(
            (one["Namespace"], one["ServiceAccount"], one["RoleArn"])
            for one in made.of_type("AWS::EKS::PodIdentityAssociation")
        ),
        *(
            (addon["AddonName"], one["ServiceAccount"], one["RoleArn"])
            for addon in made.of_type("AWS::EKS::Addon")
            for one in addon.get("PodIdentityAssociations", [])
        ),
    ]


def test_every_service_account_has_one_role_and_shares_it_with_none(made: Made) -> None:
    identities = pod_identities(made)
    accounts = [(place, account) for place, account, _ in identities]
    of_pods = {(one["metadata"]["namespace"], one["metadata"]["name"]) for one in made.of_kind("ServiceAccount")}
    assert of_pods == {("studio", "sd-queue-agent"), ("default", "comfy-queue-agent")}
    assert of_pods <= set(accounts)
    assert len(accounts) == len(set(accounts))
    assert len({json.dumps(role) for *_, role in identities}) == len(identities)


def roles_trusted_by(resources: Resources, service: str) -> dict[str, dict[str, Any]]:
    return {
        logical_id: one["Properties"]
        for logical_id, one in resources.items()
        if one["Type"] == "AWS::IAM::Role" and service in json.dumps(one["Properties"]["AssumeRolePolicyDocument"])
    }


def test_nodes_have_the_two_documented_policies_and_no_other(made: Made) -> None:
    roles = roles_trusted_by(made.resources, '"ec2.')
    assert len(roles) == 2  # of the managed node groups, and of the nodes that Karpenter launches
    for role in roles.values():
        names = [arn["Fn::Join"][1][-1].rpartition("/")[2] for arn in role["ManagedPolicyArns"]]
        assert names == ["AmazonEKSWorkerNodePolicy", "AmazonEC2ContainerRegistryPullOnly"]
        assert "Policies" not in role
    attached = [*made.of_type("AWS::IAM::Policy"), *made.of_type("AWS::IAM::ManagedPolicy")]
    assert attached
    assert not [one for one in attached for role in one.get("Roles", []) if role.get("Ref") in roles]


def test_no_pod_reaches_a_node_s_role(made: Made) -> None:
    managed = [one["LaunchTemplateData"]["MetadataOptions"] for one in made.of_type("AWS::EC2::LaunchTemplate")]
    provisioned = [one["spec"]["metadataOptions"] for one in made.of_kind("EC2NodeClass")]
    assert len(managed) == len(made.of_type("AWS::EKS::Nodegroup"))
    assert len(provisioned) == len(RUNTIMES)
    assert {(one["HttpTokens"], one["HttpPutResponseHopLimit"]) for one in managed} == {("required", 1)}
    assert {(one["httpTokens"], one["httpPutResponseHopLimit"]) for one in provisioned} == {("required", 1)}


def test_every_volume_of_a_node_is_encrypted(made: Made) -> None:
    managed = [
        mapping["Ebs"]["Encrypted"]
        for one in made.of_type("AWS::EC2::LaunchTemplate")
        for mapping in one["LaunchTemplateData"]["BlockDeviceMappings"]
    ]
    provisioned = [
        mapping["ebs"]["encrypted"]
        for one in made.of_kind("EC2NodeClass")
        for mapping in one["spec"]["blockDeviceMappings"]
    ]
    assert len(managed) == 2 * len(made.of_type("AWS::EKS::Nodegroup"))
    assert len(provisioned) == 2 * len(RUNTIMES)
    assert all(one is True for one in (*managed, *provisioned))
    assert made.of_type("AWS::EC2::Volume") == []


def open_to_everybody(resources: Resources) -> list[str]:
    """Security groups that are open to all."""
    rules = [
        (logical_id, rule)
        for logical_id, one in resources.items()
        for rule in (
            one["Properties"].get("SecurityGroupIngress", [])
            if one["Type"] == "AWS::EC2::SecurityGroup"
            else [one["Properties"]] * (one["Type"] == "AWS::EC2::SecurityGroupIngress")
        )
    ]
    return [name for name, rule in rules if rule.get("CidrIp") in EVERYBODY or rule.get("CidrIpv6") in EVERYBODY]


def test_no_security_group_is_open_to_all(made: Made) -> None:
    assert made.of_type("AWS::EC2::SecurityGroup")
    assert open_to_everybody(made.resources) == []


@pytest.mark.parametrize("cidr", [{"CidrIp": "0.0.0.0/0"}, {"CidrIpv6": "::/0"}])
def test_a_security_group_that_is_open_to_all_would_be_found(cidr: dict[str, str]) -> None:
    rule = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22} | cidr
    resources = {
        "Inline": {"Type": "AWS::EC2::SecurityGroup", "Properties": {"SecurityGroupIngress": [rule]}},
        "ByItself": {"Type": "AWS::EC2::SecurityGroupIngress", "Properties": rule},
    }
    assert open_to_everybody(resources) == ["Inline", "ByItself"]


def statements(value: object) -> Iterator[dict[str, Any]]:
    match value:
        case dict() if value.keys() >= {"Effect", "Action"}:
            yield value
        case dict():
            for part in value.values():
                yield from statements(part)
        case list():
            for part in value:
                yield from statements(part)


def test_no_policy_allows_everyone_or_another_account(made: Made) -> None:
    trusted = [
        json.dumps(statement["Principal"])
        for statement in statements(made.resources)
        if statement["Effect"] == "Allow" and "Principal" in statement
    ]
    own_account = '{"AWS": {"Fn::Join": ["", ["arn:", {"Ref": "AWS::Partition"}, ":iam::", {"Ref": "AWS::AccountId"}, '
    assert len(trusted) > 5
    assert not [one for one in trusted if not one.startswith(('{"Service": ', own_account))]


def test_no_policy_allows_every_action_of_a_service(made: Made) -> None:
    actions = [
        action
        for statement in statements(made.resources)
        if statement["Effect"] == "Allow" and "Principal" not in statement
        for action in ([statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"])
    ]
    assert len(actions) > 30
    assert not [action for action in actions if action == "*" or action.endswith(":*")]
