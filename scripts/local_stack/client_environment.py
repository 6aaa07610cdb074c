"""A file to source: what curl, Python, Node.js and AWS's tools need to use a local stack, and a way back.

It is for sh, bash and zsh. It keeps what it replaces: `leave_local_stack` restores the shell, and so does sourcing
the file of another stack before it begins.
"""

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from local_stack.stack import LocalStack
from local_stack.trust_bundle import BUNDLE_VARIABLES, KEPT_PREFIX
from sd_on_eks.config.config import Config
from task_record.runtime_types import RUNTIME_TYPES

_RUNTIME_VARIABLES: Final = {name: f"{name.upper()}_RUNTIME" for name in RUNTIME_TYPES}
"""Type -> how the examples name a runtime of that type."""

_REMOVED: Final = ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_SESSION_TOKEN")
"""What would make a tool prefer the user's own credentials, or send half of them."""

_EXTENDED: Final = ("NO_PROXY", "no_proxy")

_SCRIPT: Final = """\
# Source it, in sh, bash or zsh. leave_local_stack gives the shell back what it had before.
leave_local_stack() {{
    for _name in $(echo "$LOCAL_STACK_NAMES"); do
        if eval "test \\"\\${{{kept}$_name+set}}\\""; then
            eval "export $_name=\\"\\${{{kept}$_name}}\\""
            unset "{kept}$_name"
        else
            unset "$_name"
        fi
    done
    unset LOCAL_STACK_NAMES _name
}}
if test "${{LOCAL_STACK_NAMES+set}}"; then leave_local_stack; fi
export LOCAL_STACK_NAMES='{names}'
for _name in $(echo "$LOCAL_STACK_NAMES"); do
    if eval "test \\"\\${{$_name+set}}\\""; then eval "export {kept}$_name=\\"\\${{$_name}}\\""; fi
done
unset _name {removed}
{exports}
"""

_EXTENSION: Final = 'test "${{{name}-}}" = \'*\' || export {name}="${{{name}:+${name},}}127.0.0.1,localhost"'


def client_variables(stack: LocalStack, config: Config, bundle: Path) -> dict[str, str]:
    """Name -> value of what a client of a stack needs.

    Args:
        stack: the stack.
        config: its configuration.
        bundle: the authorities that the client trusts from then on.
    """
    variables = {"ENDPOINT": stack.deployment.endpoint_url, "API_KEY": stack.deployment.api_key}
    # A runtime that takes a task without a checkpoint comes first: the examples name none.
    for runtime in sorted(
        config.models_runtime, key=lambda one: one.runtime_type.has_checkpoint and not one.model_filename
    ):
        variables.setdefault(_RUNTIME_VARIABLES[runtime.type], runtime.name)
    return {
        **variables,
        "STACK_NAME": stack.deployment.stack_name,
        "OUTPUT_BUCKET": stack.deployment.output_bucket,
        "TOPIC_ARN": stack.deployment.outputs["sdNotificationOutputArn"],
        **stack.environment(),
        **dict.fromkeys(BUNDLE_VARIABLES, str(bundle)),
    }


def environment_script(variables: Mapping[str, str]) -> str:
    """Text of the file to source."""
    removed = [*_RUNTIME_VARIABLES.values(), *_REMOVED]
    exports = [f"export {name}={shlex.quote(value)}" for name, value in variables.items()]
    return _SCRIPT.format(
        names=" ".join(dict.fromkeys([*variables, *removed, *_EXTENDED])),
        kept=KEPT_PREFIX,
        removed=" ".join(removed),
        exports="\n".join([*exports, *(_EXTENSION.format(name=name) for name in _EXTENDED)]),
    )
