"""The serverless subset of the stack, synthesized.

    python -m local_stack.synthesis CONFIG_JSON FOLDER

It runs as a child: the CDK brings a Node.js process, which must not hear the terminal's Ctrl-C before its parent does,
and leaves files in the temporary folder when it is killed.
"""

import json
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sd_on_eks.cdk_app.feature_flags import cdk_context
from sd_on_eks.cdk_app.jsii_node import use_bundled_node
from sd_on_eks.config.config import Config
from sd_on_eks.config.runtime import ModelsRuntime

if TYPE_CHECKING:
    from aws_cdk import Stack

_SUBSET_FILE: Final = "subset.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerlessSubset:
    """A synthesized serverless subset.

    Attributes:
        folder: the cloud assembly; in place of a folder that is an asset, its archive.
        stack_id: name of the template and asset manifest in it.
        logical_ids: path below the stack -> logical id, of the resources that the local stack needs to find.
    """

    folder: Path
    stack_id: str
    logical_ids: Mapping[str, str]


def synthesize(config: Config, folder: Path) -> None:
    """Synthesize the subset; `read_subset` reads it.

    Args:
        config: the configuration.
        folder: where the cloud assembly goes.
    """
    use_bundled_node()
    import aws_cdk as cdk  # noqa: PLC0415 (the import starts Node.js)

    from stacks.sd_on_eks_stack import CONSTRUCT_ID, SdOnEKSStack  # noqa: PLC0415 (as above)

    # The built-in validator is for what a user deploys; `make synth` and the tests run it.
    app = cdk.App(outdir=str(folder), context=cdk_context(), builtin_cloud_formation_validation=False)
    stack = SdOnEKSStack(app, CONSTRUCT_ID, config=config, serverless_only=True)
    app.synth()
    _pack(folder / f"{CONSTRUCT_ID}.assets.json")
    found = {"stack_id": CONSTRUCT_ID, "logical_ids": _logical_ids(stack, config.models_runtime)}
    (folder / _SUBSET_FILE).write_text(json.dumps(found), encoding="utf-8")


def read_subset(folder: Path) -> ServerlessSubset:
    """Read what `synthesize` wrote.

    Args:
        folder: the cloud assembly.
    """
    found = json.loads((folder / _SUBSET_FILE).read_text(encoding="utf-8"))
    return ServerlessSubset(folder=folder, stack_id=found["stack_id"], logical_ids=found["logical_ids"])


def _pack(manifest: Path) -> None:
    """Replace the folder of each asset by the archive that is uploaded."""
    for asset in json.loads(manifest.read_text(encoding="utf-8"))["files"].values():
        if asset["source"]["packaging"] == "zip":
            source = manifest.parent / asset["source"]["path"]
            shutil.make_archive(str(source), "zip", source)
            shutil.rmtree(source)


def _logical_ids(stack: "Stack", runtimes: tuple[ModelsRuntime, ...]) -> dict[str, str]:
    from aws_cdk import CfnElement  # noqa: PLC0415 (the import starts Node.js)

    paths = [
        "TaskApi/RestApi/Resource",
        "TaskTable/Table/Resource",
        "Storage/OutputBucket/Resource",
        "Storage/FailureBucket/Resource",
    ]
    for runtime in runtimes:
        scope = f"Runtimes/{runtime.name}"
        paths += [f"{scope}/RuntimeQueue/{queue}/Resource" for queue in ("Queue", "DeadLetterQueue")]
        paths.append(f"{scope}/AgentRole/Role/Resource")
    by_path = {child.node.path: child for child in stack.node.find_all()}
    found: dict[str, str] = {}
    for path in paths:
        element = by_path[f"{stack.node.id}/{path}"]
        if not isinstance(element, CfnElement):
            raise TypeError(f"{path} is no CloudFormation resource")
        found[path] = stack.get_logical_id(element)
    return found


if __name__ == "__main__":
    synthesize(Config.model_validate_json(Path(sys.argv[1]).read_text(encoding="utf-8")), Path(sys.argv[2]))
