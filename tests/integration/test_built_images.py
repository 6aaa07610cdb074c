"""Images, really built from their Dockerfiles and really run, on a machine that has what that needs.

The runtimes' images are built without their servers, which come from the internet and have gigabytes: a stand-in takes
the server's place, and all that a Dockerfile says after it is the real one.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sd_on_eks.runtime.image_contexts import AGENT, image_context
from tests.fakes.runtime_container import AS_FIRST_PROCESS, PROGRAMS, STAND_IN, ContainerProcess, until

BASE = "localhost/debian-base"
IMAGE = "localhost/queue-agent"

pytestmark = [
    pytest.mark.soak,
    pytest.mark.xdist_group("built_images"),  # so that their base image is built once
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
    """Buildah with separate storage, which is deleted afterwards."""
    folder = tmp_path_factory.mktemp("containers")
    buildah = ("buildah", "--root", str(folder / "root"), "--runroot", str(folder / "run"), "--storage-driver", "vfs")
    yield buildah
    run(*buildah, "rm", "--all")
    run(*buildah, "rmi", "--all", "--force")
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def base(storage: tuple[str, ...], tmp_path_factory: pytest.TempPathFactory) -> str:
    """A base image of Debian packages: images of a registry are not available everywhere."""
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
    return BASE


def built(storage: tuple[str, ...], base: str, context: Path, tag: str) -> str:
    """Build an image and create a container of it."""
    build = ("bud", "--isolation", "chroot", "--network", "host", "--build-arg", f"BASE={base}")
    must(*storage, *build, "--tag", tag, str(context))
    return must(*storage, "from", tag)


@pytest.fixture(scope="module")
def image(storage: tuple[str, ...], base: str) -> str:
    """A container of the agent's image."""
    with image_context(AGENT) as context:
        return built(storage, base, context, IMAGE)


def test_image_starts_the_agent_as_its_own_user_and_reports_missing_variables(
    storage: tuple[str, ...], image: str
) -> None:
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


@pytest.mark.parametrize("name", PROGRAMS)
def test_runtime_image_starts_its_server_and_stops_it_as_its_own_user(
    storage: tuple[str, ...], base: str, name: str
) -> None:
    app = f"/opt/{name}"
    with image_context(name) as context:
        shutil.copyfile(STAND_IN, context / PROGRAMS[name])
        dockerfile = (context / "Dockerfile").read_text()
        ours = dockerfile[dockerfile.index("COPY shared") :]
        server = f"RUN mkdir -p {app}/extensions\nCOPY {PROGRAMS[name]} {app}/"
        (context / "Dockerfile").write_text(f"ARG BASE\nFROM ${{BASE}}\n{server}\n{ours}")
        container = built(storage, base, context, f"localhost/{name}")
    root = Path(must(*storage, "mount", container))
    config: dict[str, Any] = json.loads(must(*storage, "inspect", container))["OCIv1"]["config"]
    for folder in ("models", "scratch"):
        (root / folder).mkdir()
    os.chown(root / "scratch", 10002, 10002)
    journal = root / "scratch" / "journal"
    # As the kubelet does: process 1 of a namespace, in the root of the image, with its user and environment.
    inside = [*AS_FIRST_PROCESS, f"--root={root}", "--setgid=10002", "--setuid=10002", "--wd=/"]
    environment = {"STAND_IN_JOURNAL": "/scratch/journal", "STAND_IN": "careful", "MODEL_FILENAME": "missing"}
    environment |= dict(variable.split("=", 1) for variable in config["Env"])
    with subprocess.Popen([*inside, *config["Entrypoint"]], env=environment) as process:  # noqa: S603 (our own command)
        until(lambda: (journal.exists() and "started" in journal.read_text()) or process.poll() is not None)
        assert process.poll() is None
        assert ContainerProcess(process, is_namespace=True).stop() == 0
    events = [json.loads(line) for line in journal.read_text().splitlines()]
    assert [one["event"] for one in events] == ["started", "signal", "end"]
    assert events[0]["bound"] == "127.0.0.1"
    assert (config["User"], config["StopSignal"]) == ("10002:10002", "SIGTERM")
