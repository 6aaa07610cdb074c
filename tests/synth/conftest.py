"""Creates a CDK app for tests like the CDK CLI, but faster."""

from collections.abc import Callable
from pathlib import Path

import aws_cdk as cdk
import pytest

from sd_on_eks.cdk_app.feature_flags import cdk_context

_REPOSITORY = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def synth_app(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], cdk.App]:
    """Make an app with the feature flags of cdk.json, which otherwise only the CDK CLI passes."""

    def make() -> cdk.App:
        return cdk.App(
            context=cdk_context() | {"aws:cdk:disable-asset-staging": True},
            builtin_cloud_formation_validation=False,
            outdir=str(tmp_path_factory.mktemp("cdk.out")),
        )

    return make


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of the reference data next to the repository; tests that need it are skipped if it does not exist."""
    folder = _REPOSITORY.parent / "shared"
    if not folder.is_dir():
        pytest.skip(f"{folder} is absent: nothing to compare with")
    return folder
