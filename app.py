"""The CDK app: load config.yaml, create the stack and run cdk-nag. It never calls AWS."""

import os
import sys
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Final

from sd_on_eks.cdk_app.feature_flags import cdk_context
from sd_on_eks.cdk_app.idle_cost import as_sentence, as_table, idle_cost
from sd_on_eks.cdk_app.jsii_node import use_bundled_node
from sd_on_eks.config.config import Config
from sd_on_eks.config.errors import ConfigError
from sd_on_eks.config.loader import load_config

if TYPE_CHECKING:
    from rich.console import Console

_CDK_CLI_VERSION: Final = "CDK_CLI_VERSION"
"""The CDK CLI sets it for the app."""


def main() -> int:
    """Synthesize the stack.

    Returns:
        Exit status: 0, or 2 if the configuration is invalid; all errors are then on standard error.
    """
    try:
        config = load_config()
    except ConfigError as error:
        print(error, file=sys.stderr)  # noqa: T201 (standard error is what the CDK CLI shows)
        return 2

    use_bundled_node()
    import aws_cdk as cdk  # noqa: PLC0415 (the import starts Node.js, which an invalid configuration does not need)
    from cdk_nag import AwsSolutionsChecks  # noqa: PLC0415 (as above)

    from stacks.sd_on_eks_stack import CONSTRUCT_ID, SdOnEKSStack  # noqa: PLC0415 (as above)

    with _spinner("synthesizing"):
        app = cdk.App(
            context=cdk_context(),
            # Takes half of the synthesis time. Its findings make the CDK CLI fail; without the CLI, nothing reads
            # them: docs/adr/0042-validator-under-the-cli.md.
            builtin_cloud_formation_validation=_CDK_CLI_VERSION in os.environ,
        )
        SdOnEKSStack(app, CONSTRUCT_ID, config=config)
        cdk.Validations.of(app).add_plugins(AwsSolutionsChecks(app))
        app.synth()
    print_idle_cost(config)
    return 0


def _spinner(what: str) -> AbstractContextManager[object]:
    """Show a spinner if standard error is a terminal."""
    return _console().status(what) if sys.stderr.isatty() else nullcontext()


def _console() -> "Console":
    from rich.console import Console  # noqa: PLC0415 (only a terminal needs it)

    return Console(stderr=True, markup=False, emoji=False, highlight=False)


def print_idle_cost(config: Config) -> None:
    """Print the cost of the deployment without tasks: a table on a terminal, and the total.

    It is on standard error because `cdk synth` prints the template on standard output.
    """
    lines = idle_cost(config)
    if sys.stderr.isatty():
        _console().print(as_table(lines))
    print(f"{config.stack_name} costs {as_sentence(lines)}", file=sys.stderr)  # noqa: T201 (what the CDK CLI shows)


if __name__ == "__main__":
    sys.exit(main())
