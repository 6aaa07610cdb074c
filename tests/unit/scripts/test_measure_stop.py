"""The script that measures how long a server takes to stop."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from measure_stop import CASES

SCRIPT = Path(__file__).parents[3] / "scripts" / "measure_stop.py"


@pytest.mark.soak
def test_each_case_is_measured() -> None:
    done = subprocess.run([sys.executable, SCRIPT, "--json"], capture_output=True, text=True, check=True)  # noqa: S603 (our own)
    measured = {(one["image"], one["state"]): one["stop_s"] for one in json.loads(done.stdout)}
    assert measured.keys() == {(case.image, case.state) for case in CASES}
    assert all(measured.values())
