"""String types of the configuration: names, IDs and amounts in the formats that AWS and Kubernetes accept."""

from typing import Annotated, Final

from pydantic import AfterValidator, StringConstraints

from sd_on_eks.config.cron import cron_times

_DNS_LABEL: Final = r"^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$"
_RUNTIME_NAME: Final = r"^[a-z]([a-z0-9-]{0,38}[a-z0-9])?$"
_STAGE_NAME: Final = r"^[A-Za-z0-9_]{1,128}$"
_STACK_NAME: Final = r"^[A-Za-z][A-Za-z0-9-]{0,99}$"
_BUCKET_ARN: Final = r"^arn:aws(-cn|-us-gov)?:s3:::[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$"
_PRINCIPAL_ARN: Final = r"^arn:aws(-cn|-us-gov)?:iam::[0-9]{12}:(role|user)/[A-Za-z0-9_+=,.@/-]+$"
_ZONE: Final = r"^[a-z]{2}(-[a-z]+)+-[0-9][a-z]$"
_INSTANCE_TYPE: Final = r"^[a-z][a-z0-9-]{0,30}\.[a-z0-9]([a-z0-9-]{0,29}[a-z0-9])?$"
_ORIGIN: Final = r"^https?://[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?(:[1-9][0-9]{0,4})?$"
_VPC_ID: Final = r"^vpc-[0-9a-f]{8}([0-9a-f]{9})?$"
_VPC_ENDPOINT_ID: Final = r"^vpce-[0-9a-f]{8}([0-9a-f]{9})?$"
_SUBNET_ID: Final = r"^subnet-[0-9a-f]{8}([0-9a-f]{9})?$"
_ROUTE_TABLE_ID: Final = r"^rtb-[0-9a-f]{8}([0-9a-f]{9})?$"
_SECURITY_GROUP_ID: Final = r"^sg-[0-9a-f]{8}([0-9a-f]{9})?$"
_SNAPSHOT_ID: Final = r"^snap-[0-9a-f]{8}([0-9a-f]{9})?$"
_CAPACITY_RESERVATION_ID: Final = r"^cr-[0-9a-f]{8}([0-9a-f]{9})?$"
_IMAGE_REFERENCE: Final = r"^[a-z0-9][a-z0-9._:/-]*@sha256:[0-9a-f]{64}$"
_IMAGE_REGISTRY: Final = r"^[a-z0-9][a-z0-9.-]*\.[a-z]{2,}(:[0-9]+)?(/[a-z0-9._-]+)*$"
_CHART_REGISTRY: Final = r"^oci://[a-z0-9][a-z0-9.-]*\.[a-z]{2,}(:[0-9]+)?(/[a-z0-9._-]+)*$"
_KEY_PREFIX: Final = r"^([A-Za-z0-9!_.*'()-]+/)+$"
_CPU: Final = r"^([1-9][0-9]{0,2}|[1-9][0-9]{1,5}m)$"
_MEMORY: Final = r"^[1-9][0-9]{0,5}(Mi|Gi)$"
_SECONDS: Final = r"[1-9][0-9]{0,5}s"
_MINUTES: Final = rf"[1-9][0-9]{{0,5}}m({_SECONDS})?"
_DURATION: Final = rf"^([1-9][0-9]{{0,5}}h({_MINUTES}|{_SECONDS})?|{_MINUTES}|{_SECONDS})$"
_BUDGET_DURATION: Final = r"^([1-9][0-9]{0,5}m|[1-9][0-9]{0,5}h([1-9][0-9]{0,5}m)?)$"
_DNS_SUBDOMAIN: Final = r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*"
_LABEL_KEY: Final = rf"^({_DNS_SUBDOMAIN}/)?[A-Za-z0-9]([A-Za-z0-9._-]{{0,61}}[A-Za-z0-9])?$"
_LABEL_VALUE: Final = r"^([A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)?$"
_ENVIRONMENT_NAME: Final = r"^[A-Za-z_][A-Za-z0-9_]{0,127}$"
_TAG_KEY: Final = r"^[A-Za-z0-9 _.:/=+@-]{1,128}$"
_TAG_VALUE: Final = r"^[A-Za-z0-9 _.:/=+@-]{0,256}$"
_CRON: Final = r"^\S+( \S+){4}$"
_CRON_OR_MACRO: Final = r"^(@(hourly|daily|midnight|weekly|monthly|yearly|annually)|[^@\s]\S*( \S+){4})$"
_NODE_COUNT: Final = r"^([0-9]{1,4}|[0-9]{1,2}%|100%)$"
_FILE_NAME: Final = r"^[^/\\\x00-\x1f\x7f-\x9f]([^\\\x00-\x1f\x7f-\x9f]{0,253}[^/\\\x00-\x1f\x7f-\x9f])?$"

_LONGEST_SUBDOMAIN: Final = 253
"""https://kubernetes.io/docs/concepts/overview/working-with-objects/names/#dns-subdomain-names"""

PATTERN_WORDS: Final = {
    _DNS_LABEL: "be lowercase letters, digits and hyphens, start with a letter and have at most 63 characters",
    _RUNTIME_NAME: "be lowercase letters, digits and hyphens, start with a letter and have at most 40 characters",
    _STAGE_NAME: "be letters, digits and underscores",
    _STACK_NAME: "be letters, digits and hyphens, start with a letter and have at most 100 characters",
    _BUCKET_ARN: "be the ARN of an S3 bucket, such as arn:aws:s3:::my-models",
    _PRINCIPAL_ARN: "be the ARN of an IAM role or user",
    _ZONE: "be an Availability Zone, such as us-east-1a",
    _INSTANCE_TYPE: "be an EC2 instance type, such as g5.2xlarge",
    _ORIGIN: "be an origin: scheme, lowercase host and optional port, such as https://app.example.com",
    _VPC_ID: "be a VPC ID, such as vpc-0123456789abcdef0",
    _VPC_ENDPOINT_ID: "be a VPC endpoint ID, such as vpce-0123456789abcdef0",
    _SUBNET_ID: "be a subnet ID, such as subnet-0123456789abcdef0",
    _ROUTE_TABLE_ID: "be a route table ID, such as rtb-0123456789abcdef0",
    _SECURITY_GROUP_ID: "be a security group ID, such as sg-0123456789abcdef0",
    _SNAPSHOT_ID: "be an EBS snapshot ID, such as snap-0123456789abcdef0",
    _CAPACITY_RESERVATION_ID: "be a Capacity Reservation ID, such as cr-0123456789abcdef0",
    _IMAGE_REFERENCE: "be an image with its digest, such as registry.example.com/sdwebui@sha256:<64 hex digits>",
    _IMAGE_REGISTRY: "be the host of a registry with an optional path, such as registry.example.com/mirror",
    _CHART_REGISTRY: "be an OCI registry, such as oci://registry.example.com/charts",
    _KEY_PREFIX: "be a prefix of object keys that ends with a slash, such as checkpoints/sd15/",
    _CPU: "be an amount of CPU, such as 2 or 500m",
    _MEMORY: "be an amount of memory, such as 512Mi or 10Gi",
    _DURATION: "be a duration, such as 720h or 1h30m",
    _BUDGET_DURATION: "be a duration in hours and minutes, such as 10h, 30m or 1h30m",
    _LABEL_KEY: "be a label key, such as team or example.com/team",
    _LABEL_VALUE: "be a label value: at most 63 letters, digits, hyphens, dots and underscores",
    _ENVIRONMENT_NAME: "be the name of an environment variable",
    _TAG_KEY: "be a tag key: at most 128 letters, digits, spaces and _.:/=+@-",
    _TAG_VALUE: "be a tag value: at most 256 letters, digits, spaces and _.:/=+@-",
    _CRON: "be a cron expression of five fields, such as 0 8 * * 1-5",
    _CRON_OR_MACRO: "be a cron expression of five fields, such as 0 8 * * 1-5, or @daily",
    _NODE_COUNT: "be a number of nodes or a percentage of them, such as 1 or 10%",
    _FILE_NAME: "be a file name of at most 255 characters that does not start or end with a slash",
}
"""What each pattern requires, in words that follow `must`."""


def _string(pattern: str) -> StringConstraints:
    return StringConstraints(pattern=pattern)


def _has_labels(arn: str) -> str:
    name = arn.rpartition(":")[2]
    if any(pair in name for pair in ("..", ".-", "-.")):
        raise ValueError(f'must name a bucket that has a letter or digit on both sides of each dot, got "{name}"')
    return arn


def _matches_a_time(expression: str) -> str:
    if not expression.startswith("@"):
        cron_times(expression)
    return expression


def _has_short_prefix(key: str) -> str:
    prefix, slash, _ = key.rpartition("/")
    if slash and len(prefix) > _LONGEST_SUBDOMAIN:
        message = f"must have at most {_LONGEST_SUBDOMAIN} characters before the slash, got {len(prefix)}"
        raise ValueError(message)
    return key


DnsLabel = Annotated[str, _string(_DNS_LABEL)]
"""https://kubernetes.io/docs/concepts/overview/working-with-objects/names/#dns-label-names"""

RuntimeName = Annotated[str, _string(_RUNTIME_NAME)]
"""A DNS label that leaves room for suffixes: a pod name is 17 characters longer, and can have at most 63."""

PlanName = Annotated[str, _string(_RUNTIME_NAME)]
"""Part of keys in the task table and in buckets, where a single hyphen means that there is no tenant."""

StageName = Annotated[str, _string(_STAGE_NAME)]
StackName = Annotated[str, _string(_STACK_NAME)]
BucketArn = Annotated[str, _string(_BUCKET_ARN), AfterValidator(_has_labels)]
"""https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html"""

PrincipalArn = Annotated[str, _string(_PRINCIPAL_ARN)]
AvailabilityZone = Annotated[str, _string(_ZONE)]
InstanceType = Annotated[str, _string(_INSTANCE_TYPE)]
Origin = Annotated[str, _string(_ORIGIN)]
"""As a browser sends it: https://developer.mozilla.org/en-US/docs/Glossary/Origin"""

VpcId = Annotated[str, _string(_VPC_ID)]
VpcEndpointId = Annotated[str, _string(_VPC_ENDPOINT_ID)]
SubnetId = Annotated[str, _string(_SUBNET_ID)]
RouteTableId = Annotated[str, _string(_ROUTE_TABLE_ID)]
SecurityGroupId = Annotated[str, _string(_SECURITY_GROUP_ID)]
SnapshotId = Annotated[str, _string(_SNAPSHOT_ID)]
CapacityReservationId = Annotated[str, _string(_CAPACITY_RESERVATION_ID)]
ImageReference = Annotated[str, _string(_IMAGE_REFERENCE)]
ImageRegistry = Annotated[str, _string(_IMAGE_REGISTRY)]
ChartRegistry = Annotated[str, _string(_CHART_REGISTRY)]
KeyPrefix = Annotated[str, _string(_KEY_PREFIX)]
Cpu = Annotated[str, _string(_CPU)]
Memory = Annotated[str, _string(_MEMORY)]
Duration = Annotated[str, _string(_DURATION)]
"""Karpenter's format: https://karpenter.sh/docs/concepts/nodepools/#spectemplatespecexpireafter"""

BudgetDuration = Annotated[str, _string(_BUDGET_DURATION)]
"""https://karpenter.sh/docs/concepts/disruption/#duration: without seconds, because a schedule is in minutes."""

LabelKey = Annotated[str, _string(_LABEL_KEY), AfterValidator(_has_short_prefix)]
"""https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#syntax-and-character-set"""

LabelValue = Annotated[str, _string(_LABEL_VALUE)]
EnvironmentName = Annotated[str, _string(_ENVIRONMENT_NAME)]
TagKey = Annotated[str, _string(_TAG_KEY)]
TagValue = Annotated[str, _string(_TAG_VALUE)]
Cron = Annotated[str, _string(_CRON), AfterValidator(_matches_a_time)]
"""KEDA's cron trigger does not support macros such as @daily: https://keda.sh/docs/latest/scalers/cron/"""

CronOrMacro = Annotated[str, _string(_CRON_OR_MACRO), AfterValidator(_matches_a_time)]
"""https://karpenter.sh/docs/concepts/disruption/#schedule"""

NodeCount = Annotated[str, _string(_NODE_COUNT)]
FileName = Annotated[str, _string(_FILE_NAME)]
"""Can contain folders: `sdxl/base.safetensors`."""
