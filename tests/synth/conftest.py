"""Creates a CDK app for tests like the CDK CLI, but faster."""

from collections.abc import Callable
from pathlib import Path

import aws_cdk as cdk
import pytest

from tests.synth.synthesis import make_app

_REPOSITORY = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def synth_app(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], cdk.App]:
    """Make an app with the feature flags of cdk.json, which otherwise only the CDK CLI passes."""
    return lambda: make_app(tmp_path_factory.mktemp("cdk.out"))


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of the reference data next to the repository; tests that need it are skipped if it does not exist."""
    folder = _REPOSITORY.parent / "shared"
    if not folder.is_dir():
        pytest.skip(f"{folder} is absent: nothing to compare with")
    return folder
