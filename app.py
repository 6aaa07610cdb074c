"""The CDK app: reads config.yaml, makes the stack, attaches the checks. It never calls AWS."""

import sys

from sd_on_eks.cdk_context import cdk_context
from sd_on_eks.config.errors import ConfigError
from sd_on_eks.config.loader import load_config
from sd_on_eks.config.models import Config
from sd_on_eks.idle_cost import as_sentence, as_table, idle_cost
from sd_on_eks.jsii_node import use_bundled_node


def main() -> int:
    """Synthesize the stack.

    Returns:
        Exit status: 0, or 2 where the configuration is wrong; every error is on standard error then.
    """
    try:
        config = load_config()
    except ConfigError as error:
        print(error, file=sys.stderr)  # noqa: T201 (standard error is what the CDK CLI shows)
        return 2

    use_bundled_node()
    import aws_cdk as cdk  # noqa: PLC0415 (the import starts Node.js: not for a config that is wrong)
    from cdk_nag import AwsSolutionsChecks  # noqa: PLC0415 (as above)

    from stacks.sd_on_eks_stack import CONSTRUCT_ID, SdOnEKSStack  # noqa: PLC0415 (as above)

    app = cdk.App(context=cdk_context())
    SdOnEKSStack(app, CONSTRUCT_ID, config=config)
    cdk.Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    app.synth()
    tell_idle_cost(config)
    return 0


def tell_idle_cost(config: Config) -> None:
    """Say what the deployment will cost while no task comes: line by line on a terminal, else the total.

    On standard error: `cdk synth` has the template on standard output.
    """
    lines = idle_cost(config)
    if sys.stderr.isatty():
        from rich.console import Console  # noqa: PLC0415 (only a terminal needs it)

        Console(stderr=True).print(as_table(lines))
    print(f"{config.stack_name} costs {as_sentence(lines)}", file=sys.stderr)  # noqa: T201 (what the CDK CLI shows)


if __name__ == "__main__":
    sys.exit(main())
