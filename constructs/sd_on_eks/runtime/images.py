"""The container images of the runtimes' pods."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from aws_cdk import aws_ecr_assets as ecr_assets
from constructs import Construct

from sd_on_eks.config.runtime import ModelsRuntime
from sd_on_eks.config.workload import Image
from sd_on_eks.manifests.deployment import PodImages
from sd_on_eks.runtime.codebuild_image import cloud_image_uri
from sd_on_eks.runtime.image_contexts import AGENT, RUNTIME_IMAGES, image_context

_PLATFORM: Final = ecr_assets.Platform.LINUX_AMD64
"""GPU nodes are x86; the build machine may not be."""

_PUBLIC_REGISTRY: Final = "public.ecr.aws"
_BASE: Final = re.compile(r"^ARG BASE=(?P<image>\S+)$", re.MULTILINE)


class Images(Construct):
    """The images of all runtimes: built locally by `cdk deploy`, built in the account, or existing.

    An image is built only once for each build mode, even if several runtimes use it.

    Args:
        scope: the stack.
        construct_id: `Images`.
        runtimes: the runtimes.
        base_registry: a registry with copies of the base images; by default, the public registry.
        contexts: directory of the build contexts.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        runtimes: Sequence[ModelsRuntime],
        base_registry: str | None,
        contexts: Path = RUNTIME_IMAGES,
    ) -> None:
        super().__init__(scope, construct_id)
        self._base_registry = base_registry
        self._built: dict[tuple[str, bool], str] = {}
        for name, image in sorted(
            {
                (name, image)
                for runtime in runtimes
                for name, image in (
                    (AGENT, runtime.extra_values.runtime.queue_agent.image),
                    (runtime.type, runtime.extra_values.runtime.inference_api.image),
                )
                if image.reference is None
            },
            key=str,
        ):
            key = (name, image.build == "cloud")
            if key not in self._built:
                with image_context(name, contexts) as context:
                    self._built[key] = self._build(*key, context)

    def of(self, runtime: ModelsRuntime) -> PodImages:
        """Images of a pod.

        Raises:
            KeyError: the runtime is not one of the constructor's `runtimes`.
        """
        pod = runtime.extra_values.runtime
        return PodImages(
            agent=self._uri(AGENT, pod.queue_agent.image), runtime=self._uri(runtime.type, pod.inference_api.image)
        )

    def _uri(self, name: str, image: Image) -> str:
        return image.reference or self._built[name, image.build == "cloud"]

    def _build(self, name: str, in_cloud: bool, context: Path) -> str:  # noqa: FBT001 (one half of a key)
        arguments = self._build_arguments(context / "Dockerfile")
        if not in_cloud:
            return ecr_assets.DockerImageAsset(
                self, name, directory=str(context), platform=_PLATFORM, build_args=arguments
            ).image_uri
        return cloud_image_uri(self, f"{name}-cloud", context=context, platform=_PLATFORM, build_args=arguments)

    def _build_arguments(self, dockerfile: Path) -> dict[str, str] | None:
        """The base image of the Dockerfile, with `base_registry` as its registry."""
        if self._base_registry is None:
            return None
        base = _BASE.search(dockerfile.read_text(encoding="utf-8"))
        if base is None:
            raise ValueError(
                f"{dockerfile}: must have a line `ARG BASE=<image>`, got none: registries.images replaces its host"
            )
        return {"BASE": base["image"].replace(_PUBLIC_REGISTRY, self._base_registry, 1)}
