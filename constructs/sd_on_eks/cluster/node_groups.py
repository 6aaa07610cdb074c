"""Managed node groups: the system nodes and the always-on GPU nodes.

Node groups have generated names: instance types, AMI type and capacity type can be changed only by a replacement, and
the replacement of a named node group fails.
"""

from collections.abc import Mapping
from typing import Final, cast

from aws_cdk import Aws, Tags
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_eks as eks_l1
from aws_cdk import aws_eks_v2 as eks
from aws_cdk import aws_iam as iam
from constructs import Construct

from sd_on_eks.config.cluster import ClusterComponents, GpuNodeGroup
from sd_on_eks.config.rules.names import SHARED_POOL
from sd_on_eks.manifests.gpu_pool import GPU_TAINT_KEY, POOL_LABEL
from sd_on_eks.nag import acknowledge

_OS_VOLUME_GIB: Final = 4
"""The Bottlerocket system image; containers and their images are on the data volume."""
_SYSTEM_DATA_VOLUME_GIB: Final = 30


def build_node_role(scope: Construct, construct_id: str) -> iam.Role:
    """Role of a node: join the cluster, pull images, exchange pod identities. Pods have separate roles."""
    policies = ("AmazonEKSWorkerNodePolicy", "AmazonEC2ContainerRegistryPullOnly")
    role = iam.Role(
        scope,
        construct_id,
        description="EKS nodes",
        # EC2's service principal depends on the partition: https://docs.aws.amazon.com/eks/latest/userguide/create-node-role.html
        assumed_by=iam.ServicePrincipal(f"ec2.{Aws.URL_SUFFIX}"),
        managed_policies=[iam.ManagedPolicy.from_aws_managed_policy_name(policy) for policy in policies],
    )
    acknowledge(
        role,
        [f"AwsSolutions-IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/{policy}]" for policy in policies],
        reason="EKS documents these two policies for nodes; no pod reaches this role (IMDS hop limit 1).",
    )
    return role


class NodeGroups(Construct):
    """The managed node groups.

    Args:
        scope: the stack.
        construct_id: `NodeGroups`.
        cluster: the cluster.
        system: the nodes that run Karpenter, KEDA and the add-ons.
        gpu: groups of GPU nodes. They are not scaled: `size` nodes run permanently.
        subnets: the subnets of the nodes.
        security_group_ids: the cluster security group and additional ones.
        tags: tags of the instances, their volumes and network interfaces. Neither the tags of the stack nor those of a
            node group propagate to them.

    Attributes:
        system: the system node group, on which other constructs can depend.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        cluster: eks.ICluster,
        system: ClusterComponents,
        gpu: tuple[GpuNodeGroup, ...],
        subnets: ec2.SubnetSelection,
        security_group_ids: tuple[str, ...],
        tags: Mapping[str, str],
    ) -> None:
        super().__init__(scope, construct_id)
        self._cluster = cluster
        self._subnets = subnets
        self._security_group_ids = security_group_ids
        self._tags = tags
        # EKS creates the access entry of this role, as for every managed node group.
        self._role = build_node_role(self, "NodeRole")
        self.system: eks.Nodegroup = self._build_system(system)
        gpu_scope = Construct(self, "Gpu")
        for group in gpu:
            self._build_gpu(gpu_scope, group)

    def _build_system(self, config: ClusterComponents) -> eks.Nodegroup:
        instance_type = ec2.InstanceType(config.instance_type)
        is_arm = instance_type.architecture == ec2.InstanceArchitecture.ARM_64
        return eks.Nodegroup(
            self,
            "System",
            cluster=self._cluster,
            subnets=self._subnets,
            node_role=self._role,
            instance_types=[instance_type],
            ami_type=eks.NodegroupAmiType.BOTTLEROCKET_ARM_64 if is_arm else eks.NodegroupAmiType.BOTTLEROCKET_X86_64,
            min_size=config.desired_count,
            desired_size=config.desired_count,
            max_size=config.desired_count,
            launch_template_spec=self._launch_template(self, "SystemTemplate", data_volume_gib=_SYSTEM_DATA_VOLUME_GIB),
        )

    def _build_gpu(self, scope: Construct, config: GpuNodeGroup) -> None:
        group = Construct(scope, config.name)
        nodes = eks.Nodegroup(
            group,
            "Nodes",
            cluster=self._cluster,
            subnets=self._subnets,
            node_role=self._role,
            # Includes the NVIDIA device plugin. The CDK's default for GPU types is the discontinued Amazon Linux 2 AMI.
            ami_type=eks.NodegroupAmiType.BOTTLEROCKET_X86_64_NVIDIA,
            capacity_type=eks.CapacityType.SPOT if config.capacity_type == "spot" else eks.CapacityType.ON_DEMAND,
            min_size=0,
            desired_size=config.size,
            max_size=max(config.size, 1),  # EKS rejects 0
            labels={POOL_LABEL: SHARED_POOL},
            taints=[eks.TaintSpec(effect=eks.TaintEffect.NO_SCHEDULE, key=GPU_TAINT_KEY, value="true")],
            launch_template_spec=self._launch_template(group, "Template", data_volume_gib=config.disk_size_gib),
        )
        # The CDK's list of GPU types does not contain newer types, which it rejects for the AMI type.
        cast("eks_l1.CfnNodegroup", nodes.node.default_child).instance_types = list(config.instance_types)

    def _launch_template(self, scope: Construct, construct_id: str, *, data_volume_gib: int) -> eks.LaunchTemplateSpec:
        template = ec2.LaunchTemplate(
            scope,
            construct_id,
            require_imdsv2=True,
            http_put_response_hop_limit=1,  # only the node can reach the instance metadata service, not its pods
            block_devices=[
                ec2.BlockDevice(device_name="/dev/xvda", volume=_gp3(_OS_VOLUME_GIB)),
                ec2.BlockDevice(device_name="/dev/xvdb", volume=_gp3(data_volume_gib)),
            ],
        )
        resource = cast("ec2.CfnLaunchTemplate", template.node.default_child)
        if len(self._security_group_ids) > 1:
            # If a launch template has security groups, EKS does not add the cluster security group.
            resource.add_property_override("LaunchTemplateData.SecurityGroupIds", list(self._security_group_ids))
        self._tag(template, resource)
        template_id = template.launch_template_id
        if template_id is None:  # pragma: no cover (only an imported template has none)
            raise ValueError(f"{template.node.path}: must have an id, got none")
        return eks.LaunchTemplateSpec(id=template_id, version=template.latest_version_number)

    def _tag(self, template: ec2.LaunchTemplate, resource: ec2.CfnLaunchTemplate) -> None:
        for key, value in self._tags.items():
            Tags.of(template).add(key, value)
        if self._tags:
            # The CDK adds a template's tags to instances and volumes, as the first two tag specifications.
            resource.add_property_override(
                "LaunchTemplateData.TagSpecifications.2",
                {
                    "ResourceType": "network-interface",
                    "Tags": [{"Key": key, "Value": value} for key, value in sorted(self._tags.items())],
                },
            )


def _gp3(size_gib: int) -> ec2.BlockDeviceVolume:
    return ec2.BlockDeviceVolume.ebs(
        size_gib, encrypted=True, volume_type=ec2.EbsDeviceVolumeType.GP3, delete_on_termination=True
    )
