"""The page about callbacks: its code is that of the examples, its facts are those of the code."""

import re
from pathlib import Path

from sd_on_eks.task_api.handler.payload_store import LINK_SECONDS
from task_record import table
from task_record.callback import callback_of
from task_record.status import TERMINAL, Status

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "callbacks.md").read_text(encoding="utf-8")
EXAMPLES = ROOT / "docs" / "callback-examples"
TEXT = " ".join(PAGE.split())


def test_every_example_is_on_the_page_as_it_is() -> None:
    shown = dict(re.findall(r"\[[\w.]+\]\(callback-examples/([\w.]+)\)\n\n```\w+\n(.*?)\n```", PAGE, re.DOTALL))
    files = {file.name: file.read_text("utf-8") for file in EXAMPLES.iterdir() if file.is_file()}
    assert shown == {name: text.removeprefix("#!/usr/bin/env bash\n").rstrip("\n") for name, text in files.items()}


def test_attributes_and_statuses_are_those_of_a_callback() -> None:
    record: table.Item = {table.STATUS: "completed", table.ID: "a", table.SUBMISSION: "b", table.RUNTIME: "sd"}
    assert callback_of(record, "bucket").attributes.keys() == {"runtime", "status"}
    assert {*TERMINAL, Status.RUNNING} == {"completed", "failed", "cancelled", "running"}
    assert "`status`** is `completed`, `failed` or `cancelled`; with `notifyRunning: true` also `running`" in TEXT
    assert "Every callback has the message attributes `runtime` and `status`" in TEXT


def test_life_of_a_link_is_that_of_the_code() -> None:
    assert f"**A presigned URL is valid for {LINK_SECONDS // 60} minutes**" in TEXT


def test_pages_and_headings_that_it_names_exist() -> None:
    for page, heading in re.findall(r"\]\(([\w./-]*)(?:#([\w-]+))?\)", PAGE):
        target = ROOT / "docs" / page if page else ROOT / "docs" / "callbacks.md"
        assert target.exists(), page
        if heading:
            headings = re.findall(r"^#+ (.+)$", target.read_text("utf-8"), re.MULTILINE)
            assert heading in {re.sub(r"[^\w -]", "", one).lower().replace(" ", "-") for one in headings}, heading
