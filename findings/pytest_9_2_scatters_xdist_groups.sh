#!/usr/bin/env bash
# pytest-xdist's `--dist loadgroup` has no effect with pytest 9.2.0: tests of one `xdist_group` run on any worker.
#
# Version: pytest 9.2.0 and 9.1.1, pytest-xdist 3.8.0 (PyPI; it asks for pytest>=7), Python 3.11.
# Seen: pytest-xdist marks a group by a suffix of the test's id, in an attribute that pytest 9.2.0 no longer reads: ids
# are structured objects there. No warning, no error; the tests of a group are distributed like all others.
# Consequence: what a group shares (a server, a database, a folder) is made once on each worker, and tests that follow
# one another meet on different ones. A suite only becomes slower, or fails at random. Pin pytest below 9.2, and assert in
# a test of a group that its id ends in the group's name.
# Output seen: "pytest 9.1.1: 1 worker for 6 tests of a group; pytest 9.2.0: 2 workers".
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat >"$folder/test_group.py" <<'PY'
import os
import time

import pytest


@pytest.mark.xdist_group("shared")
@pytest.mark.parametrize("number", range(6))
def test_one(number):
    time.sleep(0.2)
    with open(os.environ["WORKERS"], "a") as file:
        print(os.environ["PYTEST_XDIST_WORKER"], file=file)
PY

for version in 9.1.1 9.2.0; do
    python3 -m venv "$folder/$version"
    "$folder/$version/bin/pip" install --quiet --disable-pip-version-check "pytest==$version" pytest-xdist==3.8.0
    WORKERS=$folder/$version.workers "$folder/$version/bin/python" -m pytest --quiet --numprocesses 2 --dist loadgroup \
        -p no:cacheprovider "$folder/test_group.py" >"$folder/$version.log"
done

workers() { sort --unique "$folder/$1.workers" | wc --lines; }
echo "pytest 9.1.1: $(workers 9.1.1) worker for 6 tests of a group; pytest 9.2.0: $(workers 9.2.0) workers"
[[ $(workers 9.1.1) == 1 && $(workers 9.2.0) == 2 ]]
