"""The container images of the runtimes' pods."""

from pathlib import Path
from typing import Final

from aws_cdk import aws_ecr_assets as ecr_assets
from constructs import Construct

from sd_on_eks.agent_image import RUNTIME_IMAGES, agent_context
from sd_on_eks.config.models import RuntimeType
from sd_on_eks.manifests.deployment import PodImages

_PLATFORM: Final = ecr_assets.Platform.LINUX_AMD64
"""GPU nodes are x86; the machine that builds may not be."""


class Images(Construct):
    """Images that `cdk deploy` builds and pushes: the agent's, and one for each type of runtime in use.

    Args:
        scope: the stack.
        construct_id: `Images`.
        runtime_types: the types in use, repeated or not.
        contexts: folder of the build contexts.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        runtime_types: tuple[RuntimeType, ...],
        contexts: Path = RUNTIME_IMAGES,
    ) -> None:
        super().__init__(scope, construct_id)
        self._agent: ecr_assets.DockerImageAsset | None = None
        if runtime_types:
            with agent_context(contexts) as context:
                self._agent = self._build("QueueAgent", context)
        self._runtimes = {
            runtime_type: self._build(runtime_type, contexts / runtime_type)
            for runtime_type in sorted(set(runtime_types))
        }

    def of(self, runtime_type: RuntimeType) -> PodImages:
        """Images of a pod.

        Raises:
            KeyError: no runtime of this type was announced.
        """
        if self._agent is None:
            raise KeyError(runtime_type)
        return PodImages(agent=self._agent.image_uri, runtime=self._runtimes[runtime_type].image_uri)

    def _build(self, construct_id: str, context: Path) -> ecr_assets.DockerImageAsset:
        return ecr_assets.DockerImageAsset(self, construct_id, directory=str(context), platform=_PLATFORM)
