"""The agent's image, really built from its Dockerfile and really run, on a machine that has what that needs."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from sd_on_eks.agent_image import agent_context

BASE = "localhost/agent-base"
IMAGE = "localhost/queue-agent"

pytestmark = [
    pytest.mark.soak,
    pytest.mark.xdist_group("agent_image"),  # so that it is built once
    pytest.mark.skipif(
        os.geteuid() != 0 or not shutil.which("buildah") or not shutil.which("debootstrap"),
        reason="needs root, buildah and debootstrap, which only CI installs",
    ),
]


def run(*command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 (our own commands)
        command, env=os.environ | environment, capture_output=True, text=True, check=False, timeout=600
    )


def must(*command: str) -> str:
    done = run(*command)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout[-3000:]}{done.stderr[-3000:]}"
    return done.stdout.strip()


@pytest.fixture(scope="module")
def storage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, ...]]:
    """Buildah with a storage of its own, which is gone afterwards."""
    folder = tmp_path_factory.mktemp("containers")
    buildah = ("buildah", "--root", str(folder / "root"), "--runroot", str(folder / "run"), "--storage-driver", "vfs")
    yield buildah
    run(*buildah, "rm", "--all")
    run(*buildah, "rmi", "--all", "--force")
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def image(storage: tuple[str, ...], tmp_path_factory: pytest.TempPathFactory) -> str:
    """The image, on a base made of Debian's packages: no image of a registry can be had everywhere."""
    root = tmp_path_factory.mktemp("debian") / "root"
    must("debootstrap", "--variant=minbase", "--include=python3,python3-venv,ca-certificates", "bookworm", str(root))
    trusted = Path("/etc/ssl/certs/ca-certificates.crt")
    if trusted.exists():
        shutil.copyfile(trusted, root / "etc/ssl/certs/ca-certificates.crt")
    container = must(*storage, "from", "scratch")
    mounted = must(*storage, "mount", container)
    must("cp", "--archive", f"{root}/.", mounted)
    must(*storage, "umount", container)
    must(*storage, "commit", "--quiet", container, BASE)
    with agent_context() as context:
        build = ("bud", "--isolation", "chroot", "--network", "host", "--build-arg", f"BASE={BASE}")
        must(*storage, *build, "--tag", IMAGE, str(context))
    return must(*storage, "from", IMAGE)


def test_image_starts_the_agent_as_its_own_user_and_names_what_is_missing(storage: tuple[str, ...], image: str) -> None:
    done = run(*storage, "run", "--isolation", "chroot", image, "--", "python", "-m", "queue_agent")
    assert done.returncode == 2, done.stderr
    assert "environment variables are missing: AWS_REGION, SQS_QUEUE_URL" in done.stderr
    who = run(*storage, "run", "--isolation", "chroot", image, "--", "id", "-u")
    assert who.stdout.strip() == "10001"


def test_image_has_the_task_record_beside_the_agent(storage: tuple[str, ...], image: str) -> None:
    code = "import task_record, queue_agent; print(task_record.__file__, queue_agent.__file__)"
    done = run(*storage, "run", "--isolation", "chroot", image, "--", "python", "-c", code)
    assert done.stdout.split() == [
        "/opt/agent/src/task_record/__init__.py",
        "/opt/agent/src/queue_agent/__init__.py",
    ]
