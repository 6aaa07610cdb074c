"""The objects of a runtime: permissions and order."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from queue_agent.settings import Settings
from sd_on_eks.config.workload import InferenceApi
from sd_on_eks.manifests.runtime_container import command_of
from task_record.protocol_times import ProtocolTimes
from task_record.runtime_types import SDWEBUI
from unused_objects import KINDS

Find = Callable[[str, str], dict[str, Any]]
RUNTIMES = ["sd", "comfy"]


@pytest.fixture
def pod(kubernetes_object: Find) -> Callable[[str], dict[str, Any]]:
    def find(runtime: str) -> dict[str, Any]:
        template: dict[str, Any] = kubernetes_object("Deployment", runtime)["spec"]["template"]
        return template

    return find


def _environment(container: dict[str, Any]) -> dict[str, str]:
    return {variable["name"]: variable["value"] for variable in container["env"] if "value" in variable}


def test_objects_are_applied_so_that_a_first_deployment_launches_no_gpu_node(
    manifests: dict[str, list[dict[str, Any]]],
) -> None:
    orders = [
        [one["kind"] for one in objects]
        for logical_id, objects in manifests.items()
        if logical_id.startswith("Runtimes")
    ]
    assert orders == [
        [
            "PersistentVolume",
            "PersistentVolumeClaim",
            "Deployment",
            "TriggerAuthentication",
            "ScaledObject",
            "EC2NodeClass",
            "NodePool",
            "NodePool",
        ]
    ] * len(RUNTIMES)


def test_manifests_survive_a_repeated_creation(resources: dict[str, dict[str, Any]]) -> None:
    manifests = [
        resource["Properties"]
        for resource in resources.values()
        if resource["Type"] == "Custom::AWSCDK-EKS-KubernetesResource"
    ]
    assert manifests
    for properties in manifests:
        assert properties["Overwrite"] is True


def test_namespace_is_created_once_and_retained_and_is_never_the_default_one(
    resources: dict[str, dict[str, Any]], manifests: dict[str, list[dict[str, Any]]]
) -> None:
    namespaces = {
        logical_id: objects[0]["metadata"]["name"]
        for logical_id, objects in manifests.items()
        if objects[0]["kind"] == "Namespace"
    }
    assert list(namespaces.values()) == ["studio"]
    (logical_id,) = namespaces
    assert resources[logical_id]["DeletionPolicy"] == "Retain"


def test_access_of_all_agents_is_one_manifest_that_stays(
    resources: dict[str, dict[str, Any]], manifests: dict[str, list[dict[str, Any]]]
) -> None:
    (logical_id,) = [one for one in manifests if one.startswith("AgentAccess")]
    assert [one["kind"] for one in manifests[logical_id]] == [
        *("NetworkPolicy", "NetworkPolicy"),
        *("ServiceAccount", "Role", "RoleBinding") * len(RUNTIMES),
    ]
    # Retain, not RetainExceptOnCreate: pods may use it when the deployment that made it is rolled back.
    assert resources[logical_id]["DeletionPolicy"] == resources[logical_id]["UpdateReplacePolicy"] == "Retain"


def test_association_is_retained_when_it_is_replaced_and_deleted_with_its_runtime(
    resources: dict[str, dict[str, Any]],
) -> None:
    associations = [
        (one["UpdateReplacePolicy"], one["DeletionPolicy"])
        for logical_id, one in resources.items()
        if one["Type"] == "AWS::EKS::PodIdentityAssociation" and logical_id.startswith("Runtimes")
    ]
    assert associations == [("Retain", "Delete")] * len(RUNTIMES)


def test_every_kind_is_looked_for_among_what_updates_leave(objects: list[dict[str, Any]]) -> None:
    assert {one["kind"] for one in objects} == set(KINDS)


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_deployment_has_no_replicas(kubernetes_object: Find, runtime: str) -> None:
    assert "replicas" not in kubernetes_object("Deployment", runtime)["spec"]


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_deployment_never_requests_an_additional_gpu(kubernetes_object: Find, runtime: str) -> None:
    strategy = kubernetes_object("Deployment", runtime)["spec"]["strategy"]
    assert strategy == {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}}


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_agent_is_the_only_main_container_and_the_runtime_a_sidecar(
    pod: Callable[[str], dict[str, Any]], runtime: str
) -> None:
    spec = pod(runtime)["spec"]
    assert [container["name"] for container in spec["containers"]] == ["queue-agent"]
    assert [(one["name"], one["restartPolicy"]) for one in spec["initContainers"]] == [("runtime", "Always")]


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_only_the_runtime_has_a_gpu(pod: Callable[[str], dict[str, Any]], runtime: str) -> None:
    spec = pod(runtime)["spec"]
    assert spec["initContainers"][0]["resources"]["limits"] == {"nvidia.com/gpu": "1"}
    assert "nvidia.com/gpu" not in spec["containers"][0]["resources"]["limits"]


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_runtime_has_no_token_and_no_credentials(
    pod: Callable[[str], dict[str, Any]], kubernetes_object: Find, runtime: str
) -> None:
    template = pod(runtime)
    assert template["metadata"]["annotations"]["eks.amazonaws.com/skip-containers"] == "runtime"
    assert template["spec"]["automountServiceAccountToken"] is False
    assert kubernetes_object("ServiceAccount", runtime)["automountServiceAccountToken"] is False
    projected = {volume["name"] for volume in template["spec"]["volumes"] if "projected" in volume}
    mounted = {mount["name"] for mount in template["spec"]["initContainers"][0]["volumeMounts"]}
    assert not projected & mounted


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_containers_are_restricted_and_of_different_users(pod: Callable[[str], dict[str, Any]], runtime: str) -> None:
    spec = pod(runtime)["spec"]
    contexts = [container["securityContext"] for container in (*spec["initContainers"], *spec["containers"])]
    for context in contexts:
        assert context["runAsNonRoot"] is True
        assert context["readOnlyRootFilesystem"] is True
        assert context["allowPrivilegeEscalation"] is False
        assert context["capabilities"] == {"drop": ["ALL"]}
    assert len({context["runAsUser"] for context in contexts}) == 2
    assert not spec.keys() & {"hostNetwork", "hostPID", "hostIPC", "shareProcessNamespace"}


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_every_mount_has_its_volume_and_every_volume_its_mount(
    pod: Callable[[str], dict[str, Any]], runtime: str
) -> None:
    spec = pod(runtime)["spec"]
    mounts = [
        mount["name"]
        for container in (*spec["initContainers"], *spec["containers"])
        for mount in container["volumeMounts"]
    ]
    assert set(mounts) == {volume["name"] for volume in spec["volumes"]}
    shared = [name for name in set(mounts) if mounts.count(name) > 1]
    assert shared == ["markers"]  # the agent writes the markers that the runtime's probe reads


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_scratch_volumes_all_have_a_limit(pod: Callable[[str], dict[str, Any]], runtime: str) -> None:
    scratch = [volume["emptyDir"] for volume in pod(runtime)["spec"]["volumes"] if "emptyDir" in volume]
    assert scratch
    for volume in scratch:
        assert "sizeLimit" in volume


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_startup_probe_asks_on_loopback_from_inside(pod: Callable[[str], dict[str, Any]], runtime: str) -> None:
    probe = pod(runtime)["spec"]["initContainers"][0]["startupProbe"]
    assert probe["exec"]["command"][:2] == ["python3", "-c"]
    assert "127.0.0.1" in probe["exec"]["command"][2]


def test_agent_reads_the_environment_that_its_container_gets(pod: Callable[[str], dict[str, Any]]) -> None:
    environment = _environment(pod("sd")["spec"]["containers"][0])
    settings = Settings.from_environment(environment)
    assert settings == Settings(
        region="us-east-1",
        queue_url=environment["SQS_QUEUE_URL"],
        table_name="tasks",
        bucket="output",
        runtime_type=SDWEBUI,
        model_filename="v1-5.safetensors",
        runtime_name="sd",
        api_base_url="http://127.0.0.1:8080",
        times=ProtocolTimes(),
        longest_task_s=480,
        drain_s=480,
        spot_allowed=True,
        ready_marker=Path("/run/queue-agent/ready"),
        runtime_hung_marker=Path("/run/queue-agent/runtime-hung"),
        finished_files=Path("/run/queue-agent/finished-files"),
        metrics_log_group=environment["METRICS_LOG_GROUP"],
        metrics_namespace="SdOnEks/aws-stackname",
    )
    assert environment["METRICS_LOG_GROUP"].startswith("agentmetricsloggroup")
    assert environment["SQS_QUEUE_URL"].endswith("/queue-sd")


def test_disk_of_the_agent_has_room_for_the_inputs_of_a_task(pod: Callable[[str], dict[str, Any]]) -> None:
    sizes = {
        runtime: volume["emptyDir"]["sizeLimit"]
        for runtime in RUNTIMES
        for volume in pod(runtime)["spec"]["volumes"]
        if volume["name"] == "agent-tmp"
    }
    # Those of the SD Web UI are kept in memory.
    assert sizes == {"sd": "256Mi", "comfy": "556Mi"}


def test_agent_of_comfyui_gets_the_input_size_limit(pod: Callable[[str], dict[str, Any]]) -> None:
    sd, comfy = (_environment(pod(runtime)["spec"]["containers"][0]) for runtime in RUNTIMES)
    assert (sd.get("MAX_INPUT_MB"), comfy["MAX_INPUT_MB"]) == (None, "100")
    assert Settings.from_environment(comfy).input_limits.sizes.max_bytes == 100 * 2**20


def test_agent_gets_spot_only_if_spot_is_allowed(pod: Callable[[str], dict[str, Any]]) -> None:
    assert _environment(pod("sd")["spec"]["containers"][0])["SPOT_ALLOWED"] == "true"
    assert _environment(pod("comfy")["spec"]["containers"][0])["SPOT_ALLOWED"] == "false"


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_only_the_agent_has_the_api_token_and_its_pod_name(pod: Callable[[str], dict[str, Any]], runtime: str) -> None:
    spec = pod(runtime)["spec"]
    (token,) = [volume for volume in spec["volumes"] if "projected" in volume]
    assert [next(iter(source)) for source in token["projected"]["sources"]] == ["serviceAccountToken", "configMap"]
    # Not 3607: the API server makes such a token valid for a year.
    assert token["projected"]["sources"][0]["serviceAccountToken"]["expirationSeconds"] == 3600
    mounts = {
        container["name"]: [mount["name"] for mount in container["volumeMounts"]]
        for container in (*spec["initContainers"], *spec["containers"])
    }
    assert [name for name, names in mounts.items() if token["name"] in names] == ["queue-agent"]
    fields = {
        variable["name"]: variable["valueFrom"]["fieldRef"]["fieldPath"]
        for variable in spec["containers"][0]["env"]
        if "valueFrom" in variable
    }
    assert fields == {"POD_NAME": "metadata.name", "POD_NAMESPACE": "metadata.namespace"}


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_probes_check_the_markers_of_the_agent(pod: Callable[[str], dict[str, Any]], runtime: str) -> None:
    spec = pod(runtime)["spec"]
    sidecar, agent = spec["initContainers"][0], spec["containers"][0]
    environment = _environment(agent)
    assert agent["readinessProbe"]["exec"]["command"] == ["test", "-e", environment["READY_MARKER"]]
    assert sidecar["livenessProbe"]["exec"]["command"] == ["test", "!", "-e", environment["RUNTIME_HUNG_MARKER"]]
    (read,) = [mount for mount in sidecar["volumeMounts"] if mount["name"] == "markers"]
    (written,) = [mount for mount in agent["volumeMounts"] if mount["name"] == "markers"]
    assert (read["readOnly"], written["readOnly"]) == (True, False)
    assert environment["READY_MARKER"].startswith(f"{written['mountPath']}/")


def test_runtime_environment_names_port_folders_and_model(pod: Callable[[str], dict[str, Any]]) -> None:
    environment = _environment(pod("sd")["spec"]["initContainers"][0])
    assert environment["PORT"] == "8080"
    assert environment["MODELS_DIR"] == "/models"
    assert environment["SCRATCH_DIR"] == "/scratch"
    assert environment["MODEL_FILENAME"] == "v1-5.safetensors"
    assert "MODEL_FILENAME" not in _environment(pod("comfy")["spec"]["initContainers"][0])


def _image_by_reference(**inference_api: object) -> dict[str, Any]:
    image = {"reference": "registry.example.com/comfyui@sha256:" + "0" * 64}
    runtime = {"inferenceApi": {"image": image, **inference_api}}
    return {"modelsRuntime": [{"name": "one", "type": "comfyui", "extraValues": {"runtime": runtime}}]}


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_server_that_is_restarted_does_not_wait_for_the_pod_s_grace(
    pod: Callable[[str], dict[str, Any]], runtime: str
) -> None:
    sidecar = pod(runtime)["spec"]["initContainers"][0]
    probes = [sidecar["startupProbe"], sidecar["livenessProbe"]]
    assert [probe["terminationGracePeriodSeconds"] for probe in probes] == [5, 5]
    assert "lifecycle" not in sidecar


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_built_image_runs_its_own_command_and_is_known_to_stop(
    pod: Callable[[str], dict[str, Any]], runtime: str
) -> None:
    spec = pod(runtime)["spec"]
    assert "command" not in spec["initContainers"][0]
    assert Settings.from_environment(_environment(spec["containers"][0])).runtime_stops_on_signal
    assert "IMAGE_METADATA" not in _environment(spec["initContainers"][0])


def test_command_of_an_image_by_reference_is_run_so_that_it_stops(
    objects_of: Callable[[dict[str, Any]], dict[tuple[str, str], dict[str, Any]]],
) -> None:
    data = _image_by_reference(command=["python3", "main.py"], args=["--lowvram"], imageMetadata=False)
    spec = objects_of(data)["Deployment", "one"]["spec"]["template"]["spec"]
    sidecar = spec["initContainers"][0]
    assert sidecar["command"] == command_of(InferenceApi(command=("python3", "main.py")))
    assert sidecar["command"][-2:] == ["python3", "main.py"]
    assert sidecar["args"] == ["--lowvram"]
    assert _environment(sidecar)["IMAGE_METADATA"] == "false"
    assert Settings.from_environment(_environment(spec["containers"][0])).runtime_stops_on_signal


def test_agent_warns_of_an_image_by_reference_that_runs_its_own_command(
    objects_of: Callable[[dict[str, Any]], dict[tuple[str, str], dict[str, Any]]],
) -> None:
    spec = objects_of(_image_by_reference())["Deployment", "one"]["spec"]["template"]["spec"]
    assert "command" not in spec["initContainers"][0]
    assert not Settings.from_environment(_environment(spec["containers"][0])).runtime_stops_on_signal


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_pod_runs_on_shared_nodes_or_its_own_and_prefers_shared(
    pod: Callable[[str], dict[str, Any]], kubernetes_object: Find, runtime: str
) -> None:
    affinity = pod(runtime)["spec"]["affinity"]["nodeAffinity"]
    (required,) = affinity["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"]
    (preferred,) = affinity["preferredDuringSchedulingIgnoredDuringExecution"]
    assert required["matchExpressions"] == [{"key": "pool", "operator": "In", "values": ["shared", runtime]}]
    assert preferred["preference"]["matchExpressions"] == [{"key": "pool", "operator": "In", "values": ["shared"]}]
    labels = kubernetes_object("NodePool", runtime)["spec"]["template"]["metadata"]["labels"]
    assert labels == {"pool": runtime}


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_pod_can_finish_before_its_node_and_its_volume_are_removed(
    pod: Callable[[str], dict[str, Any]], kubernetes_object: Find, runtime: str
) -> None:
    node_grace = kubernetes_object("NodePool", runtime)["spec"]["template"]["spec"]["terminationGracePeriod"]
    assert node_grace == "600s"
    assert pod(runtime)["spec"]["terminationGracePeriodSeconds"] < 600


def test_labels_and_annotations_of_the_config_are_added(
    pod: Callable[[str], dict[str, Any]], kubernetes_object: Find
) -> None:
    metadata = pod("sd")["metadata"]
    assert metadata["labels"]["team"] == "art"
    assert metadata["labels"]["app.kubernetes.io/instance"] == "sd"
    assert metadata["annotations"]["note"] == "hello"
    selector = kubernetes_object("Deployment", "sd")["spec"]["selector"]["matchLabels"]
    assert selector == {"app.kubernetes.io/name": "runtime", "app.kubernetes.io/instance": "sd"}


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_no_object_prevents_the_eviction_of_a_pod(objects: list[dict[str, Any]], runtime: str) -> None:
    assert "PodDisruptionBudget" not in {one["kind"] for one in objects}
    assert "do-not-disrupt" not in str([one for one in objects if runtime in str(one["metadata"])])


def test_scaled_object_follows_the_queue_as_configured(kubernetes_object: Find) -> None:
    spec = kubernetes_object("ScaledObject", "sd")["spec"]
    assert spec["scaleTargetRef"] == {"name": "sd"}
    assert (spec["minReplicaCount"], spec["maxReplicaCount"]) == (0, 3)
    (trigger,) = spec["triggers"]
    assert trigger["type"] == "aws-sqs-queue"
    assert trigger["authenticationRef"] == {"name": "sd"}
    assert trigger["metadata"] == {
        "queueURL": trigger["metadata"]["queueURL"],
        "queueLength": "7",
        "scaleOnInFlight": "true",
        "awsRegion": "us-east-1",
    }
    assert trigger["metadata"]["queueURL"].endswith("/queue-sd")


def test_scaled_object_goes_up_at_once_and_down_slowly(kubernetes_object: Find) -> None:
    behavior = kubernetes_object("ScaledObject", "sd")["spec"]["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]
    assert behavior["scaleUp"]["stabilizationWindowSeconds"] == 0
    assert behavior["scaleUp"]["policies"] == [{"type": "Pods", "value": 3, "periodSeconds": 15}]
    assert behavior["scaleDown"]["stabilizationWindowSeconds"] == 120
    assert behavior["scaleDown"]["policies"] == [{"type": "Pods", "value": 1, "periodSeconds": 60}]


def test_trigger_authentication_takes_the_operator_s_own_identity(kubernetes_object: Find) -> None:
    spec = kubernetes_object("TriggerAuthentication", "sd")["spec"]
    assert spec == {"podIdentity": {"provider": "aws"}}


@pytest.mark.parametrize(("runtime", "gpus"), [("sd", 4), ("comfy", 5)])
def test_node_pool_limit_is_the_config_s_or_one_gpu_a_replica(kubernetes_object: Find, runtime: str, gpus: int) -> None:
    assert kubernetes_object("NodePool", runtime)["spec"]["limits"] == {"nvidia.com/gpu": gpus}


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_node_pool_keeps_other_pods_off_and_waits_for_the_volume_driver(
    kubernetes_object: Find, pod: Callable[[str], dict[str, Any]], runtime: str
) -> None:
    spec = kubernetes_object("NodePool", runtime)["spec"]["template"]["spec"]
    assert spec["taints"] == [{"key": "nvidia.com/gpu", "value": "true", "effect": "NoSchedule"}]
    assert spec["startupTaints"] == [{"key": "s3.csi.aws.com/agent-not-ready", "effect": "NoExecute"}]
    assert pod(runtime)["spec"]["tolerations"] == [
        {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}
    ]


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_node_pool_removes_empty_nodes_and_never_moves_running_pods(kubernetes_object: Find, runtime: str) -> None:
    disruption = kubernetes_object("NodePool", runtime)["spec"]["disruption"]
    assert disruption["consolidationPolicy"] == "WhenEmpty"
    assert disruption["budgets"] == [{"nodes": "100%", "reasons": ["Empty"]}, {"nodes": "1", "reasons": ["Drifted"]}]


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_node_class_is_pinned_encrypted_and_hides_its_metadata(kubernetes_object: Find, runtime: str) -> None:
    spec = kubernetes_object("EC2NodeClass", runtime)["spec"]
    assert spec["amiSelectorTerms"] == [{"alias": "bottlerocket@v1.66.0"}]
    assert spec["metadataOptions"] == {"httpTokens": "required", "httpPutResponseHopLimit": 1}
    assert [mapping["deviceName"] for mapping in spec["blockDeviceMappings"]] == ["/dev/xvda", "/dev/xvdb"]
    for mapping in spec["blockDeviceMappings"]:
        assert mapping["ebs"]["encrypted"] is True
    assert spec["blockDeviceMappings"][1]["ebs"]["volumeSize"] == "200Gi"


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_node_class_takes_profile_subnets_and_security_group_of_the_stack(
    kubernetes_object: Find, runtime: str
) -> None:
    spec = kubernetes_object("EC2NodeClass", runtime)["spec"]
    assert spec["instanceProfile"].startswith("karpenternodeprofile")
    assert "role" not in spec
    assert spec["subnetSelectorTerms"] == [{"tags": {"karpenter.sh/discovery": "SdOnEKSStack"}}]
    (term,) = spec["securityGroupSelectorTerms"]
    assert term["id"].startswith("sg-clustereks")


@pytest.fixture
def network_policies(objects: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Specifications by namespace."""
    return {one["metadata"]["namespace"]: one["spec"] for one in objects if one["kind"] == "NetworkPolicy"}


def test_every_pod_has_the_network_policy_of_its_namespace(
    objects: list[dict[str, Any]], network_policies: dict[str, dict[str, Any]]
) -> None:
    deployments = [one for one in objects if one["kind"] == "Deployment"]
    assert {one["metadata"]["namespace"] for one in deployments} == network_policies.keys() == {"studio", "default"}
    for one in deployments:
        selected = network_policies[one["metadata"]["namespace"]]["podSelector"]["matchLabels"]
        assert selected.items() <= one["spec"]["template"]["metadata"]["labels"].items()


@pytest.mark.parametrize("namespace", ["studio", "default"])
def test_network_policy_is_the_list_and_no_more(network_policies: dict[str, dict[str, Any]], namespace: str) -> None:
    spec = network_policies[namespace]
    assert spec["policyTypes"] == ["Ingress", "Egress"]
    assert "ingress" not in spec
    ways = [
        (peer.get("ipBlock", {}).get("cidr", "dns"), [(port["protocol"], port["port"]) for port in rule["ports"]])
        for rule in spec["egress"]
        for peer in rule["to"]
    ]
    assert ways == [
        ("dns", [("UDP", 53), ("TCP", 53)]),
        ("169.254.170.23/32", [("TCP", 80)]),
        ("0.0.0.0/0", [("TCP", 443)]),
    ]
    assert spec["egress"][2]["to"][0]["ipBlock"]["except"] == ["169.254.0.0/16"]


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_model_volume_is_read_only_and_of_the_driver_s_own_rights(kubernetes_object: Find, runtime: str) -> None:
    volume = kubernetes_object("PersistentVolume", runtime)
    assert volume["spec"]["mountOptions"] == [
        "read-only",
        "allow-other",
        "region us-east-1",
        "maximum-throughput-gbps 10",
    ]
    assert volume["spec"]["csi"]["volumeAttributes"] == {"bucketName": "models", "authenticationSource": "driver"}
    assert volume["spec"]["csi"]["volumeHandle"] == volume["metadata"]["name"]


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_model_volume_claim_and_pod_belong_together(
    kubernetes_object: Find, pod: Callable[[str], dict[str, Any]], runtime: str
) -> None:
    volume = kubernetes_object("PersistentVolume", runtime)
    claim = kubernetes_object("PersistentVolumeClaim", runtime)
    assert claim["spec"]["volumeName"] == volume["metadata"]["name"]
    assert claim["spec"]["storageClassName"] == volume["spec"]["storageClassName"] == ""
    assert volume["spec"]["claimRef"] == {
        "namespace": claim["metadata"]["namespace"],
        "name": claim["metadata"]["name"],
    }
    claimed = [one for one in pod(runtime)["spec"]["volumes"] if "persistentVolumeClaim" in one]
    assert [one["persistentVolumeClaim"]["claimName"] for one in claimed] == [claim["metadata"]["name"]]
