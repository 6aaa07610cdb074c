"""The S3 buckets."""

from collections.abc import Sequence

from aws_cdk import CfnOutput, Duration, RemovalPolicy
from aws_cdk import aws_s3 as s3
from constructs import Construct

from sd_on_eks.nag import acknowledge
from task_record.object_keys import PAYLOADS, QUARANTINE, UPLOADS

_TRANSIENT_DAYS = 30
"""As long as messages refer to payloads (task_record.submission.BODY_TTL_S), and time to examine quarantined
messages."""

_PREFLIGHT_S = 3600
"""How long a browser caches a preflight response."""


class Storage(Construct):
    """The buckets for results, payloads, models, and records that could not be processed.

    Args:
        scope: the stack.
        construct_id: `Storage`.
        model_bucket_arn: an existing bucket with models; without it, the stack creates one and outputs its name.
        allowed_origins: web pages that can upload inputs and read results with presigned URLs.
        removal_policy: whether the buckets are deleted with the stack.

    Attributes:
        output_bucket: results, and request bodies that are too large for a message.
        failure_bucket: stream records and messages that could not be processed.
        access_log_bucket: the server access logs of the other buckets.
        model_bucket: models, which only the Mountpoint driver reads.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        model_bucket_arn: str | None = None,
        allowed_origins: Sequence[str] = (),
        removal_policy: RemovalPolicy = RemovalPolicy.RETAIN,
    ) -> None:
        super().__init__(scope, construct_id)
        self._removal_policy = removal_policy
        self.access_log_bucket: s3.IBucket = self._build_access_log_bucket()
        self.output_bucket: s3.IBucket = self._build_bucket(
            "OutputBucket", self._output_rules(), cors=self._cors(allowed_origins)
        )
        self.failure_bucket: s3.IBucket = self._build_bucket(
            "FailureBucket", [s3.LifecycleRule(id="Expire", expiration=Duration.days(90))]
        )
        self.model_bucket: s3.IBucket = self._build_model_bucket(model_bucket_arn)

    def _build_access_log_bucket(self) -> s3.Bucket:
        bucket = s3.Bucket(
            self,
            "AccessLogBucket",
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            encryption=s3.BucketEncryption.S3_MANAGED,
            enforce_ssl=True,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            lifecycle_rules=[s3.LifecycleRule(id="Expire", expiration=Duration.days(90))],
            removal_policy=self._removal_policy,
        )
        acknowledge(bucket, ["AwsSolutions-S1"], reason="A log of the accesses to the access log would log itself.")
        return bucket

    def _build_bucket(
        self, construct_id: str, rules: list[s3.LifecycleRule], *, cors: list[s3.CorsRule] | None = None
    ) -> s3.Bucket:
        return s3.Bucket(
            self,
            construct_id,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            encryption=s3.BucketEncryption.S3_MANAGED,
            enforce_ssl=True,
            minimum_tls_version=1.2,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            server_access_logs_bucket=self.access_log_bucket,
            server_access_logs_prefix=f"{construct_id}/",
            lifecycle_rules=[
                s3.LifecycleRule(id="AbortUploads", abort_incomplete_multipart_upload_after=Duration.days(1)),
                *rules,
            ],
            cors=cors,
            removal_policy=self._removal_policy,
        )

    def _build_model_bucket(self, arn: str | None) -> s3.IBucket:
        if arn is not None:
            return s3.Bucket.from_bucket_arn(self, "ModelBucket", arn)
        bucket = self._build_bucket("ModelBucket", [])
        CfnOutput(
            self, "ModelBucketName", value=bucket.bucket_name, description="Bucket for models"
        ).override_logical_id("ModelBucket")
        return bucket

    @staticmethod
    def _cors(origins: Sequence[str]) -> list[s3.CorsRule] | None:
        if not origins:
            return None
        methods = [s3.HttpMethods.GET, s3.HttpMethods.PUT]
        # The signed headers of an upload URL: https://docs.aws.amazon.com/AmazonS3/latest/userguide/cors.html
        return [
            s3.CorsRule(
                id="WebPages",
                allowed_origins=list(origins),
                allowed_methods=methods,
                allowed_headers=["Content-Type"],
                max_age=_PREFLIGHT_S,
            )
        ]

    @staticmethod
    def _output_rules() -> list[s3.LifecycleRule]:
        return [
            s3.LifecycleRule(id=f"Expire-{prefix}", prefix=f"{prefix}/", expiration=Duration.days(_TRANSIENT_DAYS))
            for prefix in (PAYLOADS, QUARANTINE, UPLOADS)
        ]
