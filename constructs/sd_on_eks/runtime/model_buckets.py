"""The model buckets."""

from collections.abc import Sequence

from aws_cdk import aws_s3 as s3
from constructs import Construct

from sd_on_eks.config.runtime import ModelsRuntime


class ModelBuckets(Construct):
    """The stack's model bucket, and the separate model buckets of runtimes.

    Args:
        scope: the stack.
        construct_id: `ModelBuckets`.
        default: the stack's model bucket.
        runtimes: the runtimes.

    Attributes:
        all: all buckets, without duplicates.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, default: s3.IBucket, runtimes: Sequence[ModelsRuntime]
    ) -> None:
        super().__init__(scope, construct_id)
        self._default = default
        arns = {runtime.extra_values.runtime.persistence.model_bucket_arn for runtime in runtimes}
        self._own = {
            arn: s3.Bucket.from_bucket_arn(self, arn.rpartition(":")[2], arn)
            for arn in sorted(arn for arn in arns if arn is not None)
        }
        self.all: tuple[s3.IBucket, ...] = (default, *self._own.values())

    def of(self, runtime: ModelsRuntime) -> s3.IBucket:
        """The bucket of one runtime."""
        arn = runtime.extra_values.runtime.persistence.model_bucket_arn
        return self._default if arn is None else self._own[arn]
