"""The buckets."""

from collections.abc import Sequence

from aws_cdk import CfnOutput, Duration, RemovalPolicy
from aws_cdk import aws_s3 as s3
from constructs import Construct

from sd_on_eks.nag import acknowledge
from task_record.object_keys import PAYLOADS, QUARANTINE, UPLOADS

_PARKED_DAYS = 30
"""As long as messages refer to payloads (task_record.submission.BODY_TTL_S), and time to look at what was parked."""

_PREFLIGHT_S = 3600
"""How long a browser remembers that it may."""


class Storage(Construct):
    """Where pictures, payloads, models and what could not be handled are kept.

    Args:
        scope: the stack.
        construct_id: `Storage`.
        model_bucket_arn: an existing bucket of models; without it the stack makes one and outputs its name.
        allowed_origins: web pages that may upload inputs and read results by presigned links.
        removal_policy: what becomes of outputs and models when the stack is deleted.

    Attributes:
        output_bucket: results, and the request bodies that are too large for a message.
        failure_bucket: stream records and messages that could not be handled.
        access_log_bucket: who accessed the others.
        model_bucket: models, read by the Mountpoint driver alone.
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
            self, "ModelBucketName", value=bucket.bucket_name, description="Put the models here"
        ).override_logical_id("ModelBucket")
        return bucket

    @staticmethod
    def _cors(origins: Sequence[str]) -> list[s3.CorsRule] | None:
        if not origins:
            return None
        methods = [s3.HttpMethods.GET, s3.HttpMethods.PUT]
        # The headers that an upload's link has signed: https://docs.aws.amazon.com/AmazonS3/latest/userguide/cors.html
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
            s3.LifecycleRule(id=f"Expire-{prefix}", prefix=f"{prefix}/", expiration=Duration.days(_PARKED_DAYS))
            for prefix in (PAYLOADS, QUARANTINE, UPLOADS)
        ]
