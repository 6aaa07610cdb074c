"""All of the local stack: emulator, deployed serverless subset, stand-in runtimes, agents on their real roles."""

import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import urllib3
from botocore.exceptions import BotoCoreError, ClientError

from local_stack.assembly_cache import AssemblyCache
from local_stack.child_process import ChildProcess, free_port
from local_stack.credentials_server import CredentialsServer
from local_stack.deployment import DeployedRuntime, Deployment, deploy
from local_stack.emulator import ROOT, Emulator
from local_stack.errors import LocalStackError
from local_stack.synthesis import ServerlessSubset, read_subset
from sd_on_eks.config.config import Config
from sd_on_eks.config.runtime import ModelsRuntime
from task_record.runtime_types import RUNTIME_TYPES

_READY_S: Final = 20.0
_SYNTHESIZED_S: Final = 120.0
_FOLDER_PREFIX: Final = "sd-on-eks-local-"
_OURS: Final = ("constructs", "runtime_images/queue_agent/src", "scripts", ".")


class LocalStack:
    """The local stack; a context manager that leaves nothing behind.

    Args:
        config: the configuration.
        folder: for everything that it writes; by default one of the machine's temporary folders, which goes with it.
        port: where the emulator listens; a free one by default.
        authority: folder of the authority of its certificate; by default a new one, which goes with it.
        checkpoints: further ones that the stand-ins have, beside those of the configuration.
        emulator_home: virtual environment of the emulator.
        agent_environment: further settings of the agents, such as shorter protocol times.
        seconds_per_task: how long an inference of the stand-ins takes.
        report: called with what happens, a sentence at a time.

    Attributes:
        emulator: the emulator.
        deployment: what was deployed.
        runtimes: the stand-in servers, by runtime name.
        agents: the agents, by runtime name.
        folder: logs, certificate and journals.
    """

    emulator: Emulator
    deployment: Deployment
    folder: Path

    def __init__(
        self,
        config: Config,
        *,
        folder: Path | None = None,
        port: int | None = None,
        authority: Path | None = None,
        checkpoints: Sequence[str] = (),
        emulator_home: Path | None = None,
        agent_environment: Mapping[str, str] | None = None,
        seconds_per_task: float = 0.5,
        report: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._config = config
        self._port = port
        self._authority = authority
        # One bucket has the models of all runtimes.
        configured = [runtime.model_filename for runtime in config.models_runtime if runtime.model_filename]
        self._checkpoints = [*configured, *checkpoints]
        self._emulator_home = emulator_home
        self._agent_environment = dict(agent_environment or {})
        self._seconds_per_task = seconds_per_task
        self._report = report
        self._exits = ExitStack()
        self.runtimes: dict[str, ChildProcess] = {}
        self.agents: dict[str, ChildProcess] = {}
        self._folder = folder
        self._ports: dict[str, int] = {}
        self._identities: dict[str, dict[str, str]] = {}

    def __enter__(self) -> Self:
        with ExitStack() as exits:
            self.folder = self._folder or exits.enter_context(_temporary_folder())
            cache, config = AssemblyCache(), self._config.model_dump_json(by_alias=True)
            key = cache.key(config)
            is_synthesized = cache.fetch(key, self._assembly)
            if is_synthesized:
                self._report("starting the AWS emulator; nothing has changed since the stack was synthesized")
            else:
                self._report("synthesizing the stack, and starting the AWS emulator meanwhile")
            # Synthesis takes longest, so it is begun first.
            with nullcontext() if is_synthesized else self._synthesis_process(config) as synthesis:
                emulator = Emulator(self.folder, home=self._emulator_home, port=self._port, authority=self._authority)
                self.emulator = exits.enter_context(emulator)
                for runtime in self._config.models_runtime:
                    self._ports[runtime.name] = free_port()
                    self.runtimes[runtime.name] = exits.enter_context(self._runtime_process(runtime))
                if synthesis is not None:
                    synthesis.wait_until_done(timeout_s=_SYNTHESIZED_S)
                    cache.keep(key, self._assembly)
            synthesized = read_subset(self._assembly)
            self._report("deploying it")
            self.deployment = self._deploy(synthesized)
            self._report("starting the queue agents")
            credentials = exits.enter_context(CredentialsServer(self.emulator, self.folder))
            for deployed in self.deployment.runtimes.values():
                self._identities[deployed.name] = credentials.add(deployed.name, deployed.role_arn)
                self.wait_for_runtime(deployed.name)
                self.agents[deployed.name] = exits.enter_context(self._agent_process(deployed))
            self._exits = exits.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        # All are asked first, then waited for: the agents drain at the same time.
        for process in [*self.agents.values(), *self.runtimes.values()]:
            process.terminate()
        self._exits.close()

    def environment(self) -> dict[str, str]:
        """What a client of AWS, such as scripts/test_api.py, needs to use this stack as root."""
        return {**self.emulator.client_environment(), **self.emulator.root_environment()}

    def check(self) -> None:
        """Check that everything runs.

        Raises:
            LocalStackError: a child has died; it is named with its last words.
        """
        for process in (self.emulator.process, *self.runtimes.values(), *self.agents.values()):
            process.check()

    def wait_for_runtime(self, name: str) -> None:
        """Wait until a stand-in answers, after it was started.

        Raises:
            LocalStackError: it has died, or does not answer in time.
        """
        self.runtimes[name].wait_until(lambda: self._answers(name), timeout_s=_READY_S)

    def runtime_url(self, name: str) -> str:
        """Base URL of a stand-in."""
        return f"http://127.0.0.1:{self._ports[name]}"

    def journal(self, name: str) -> Path:
        """File in which a stand-in notes every inference, a JSON object a line; it survives the stand-in."""
        return self.folder / f"{name}.journal"

    def _synthesis_process(self, config: str) -> ChildProcess:
        file, scratch = self.folder / "config.json", self.folder / "synthesis"
        file.write_text(config, encoding="utf-8")
        scratch.mkdir()
        # Home has jsii's cache of the CDK.
        home = {"HOME": os.environ["HOME"]} if "HOME" in os.environ else {}
        return ChildProcess(
            "the synthesis",
            [sys.executable, "-m", "local_stack.synthesis", str(file), str(self._assembly)],
            environment={**_python_environment(), **home, "TMPDIR": str(scratch)},
            log=self.folder / "synthesis.log",
            folder=ROOT,
        )

    @property
    def _assembly(self) -> Path:
        return self.folder / "cdk.out"

    def _deploy(self, synthesized: ServerlessSubset) -> Deployment:
        try:
            return deploy(self.emulator, self._config, synthesized)
        except (BotoCoreError, ClientError) as error:
            self.emulator.process.check()  # the likely reason, which the client cannot know
            raise LocalStackError(f"the AWS emulator did not take the stack: {error}") from error

    def _answers(self, name: str) -> bool:
        path = RUNTIME_TYPES[self.deployment.runtimes[name].type].ready_path
        try:
            reply = urllib3.request("GET", f"{self.runtime_url(name)}{path}", retries=False, timeout=1)
        except urllib3.exceptions.HTTPError:
            return False
        return reply.status == 200  # noqa: PLR2004 (OK)

    def _runtime_process(self, runtime: ModelsRuntime) -> ChildProcess:
        name = runtime.name
        own = [runtime.model_filename] if runtime.model_filename else []  # the first is what a server starts with
        checkpoints = dict.fromkeys([*own, *self._checkpoints])
        return ChildProcess(
            f"the stand-in for {name}",
            [
                sys.executable,
                "-m",
                "tests.fakes.stand_in_runtime",
                "--type",
                runtime.type,
                *(word for checkpoint in checkpoints for word in ("--model", checkpoint)),
                "--port",
                str(self._ports[name]),
                "--seconds-per-task",
                str(self._seconds_per_task),
                "--journal",
                str(self.journal(name)),
            ],
            environment=_python_environment(),
            log=self.folder / f"{name}-runtime.log",
            folder=ROOT,
        )

    def _agent_process(self, runtime: DeployedRuntime) -> ChildProcess:
        (configured,) = (one for one in self._config.models_runtime if one.name == runtime.name)
        return ChildProcess(
            f"the queue agent of {runtime.name}",
            [sys.executable, "-m", "queue_agent"],
            environment={
                **_python_environment(),
                # No credentials but those of its role.
                **self.emulator.client_environment(),
                **self._identities[runtime.name],
                "SQS_QUEUE_URL": runtime.queue_url,
                "TASK_TABLE_NAME": self.deployment.table_name,
                "S3_BUCKET": self.deployment.output_bucket,
                "RUNTIME_TYPE": runtime.type,
                "RUNTIME_NAME": runtime.name,
                "MODEL_FILENAME": configured.model_filename or "",
                "DYNAMIC_MODEL": "true" if configured.dynamic_model else "false",
                "API_BASE_URL": self.runtime_url(runtime.name),
                **self._agent_environment,
            },
            log=self.folder / f"{runtime.name}-agent.log",
            folder=self.folder,
        )


@contextmanager
def _temporary_folder() -> Iterator[Path]:
    _remove_folders_of_dead_runs()
    folder = Path(tempfile.mkdtemp(prefix=f"{_FOLDER_PREFIX}{os.getpid()}-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _remove_folders_of_dead_runs() -> None:
    """Remove the folder of a run that was killed; its processes have ended."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_FOLDER_PREFIX}*"):
        pid = folder.name.removeprefix(_FOLDER_PREFIX).partition("-")[0]
        if pid.isdigit() and not Path(f"/proc/{pid}").exists():
            shutil.rmtree(folder, ignore_errors=True)


def _python_environment() -> dict[str, str]:
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "LANG": "C.UTF-8",
        "PYTHONPATH": os.pathsep.join(str(ROOT / folder) for folder in _OURS),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUNBUFFERED": "1",
    }
