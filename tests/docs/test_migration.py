"""The page for users of the existing solution: its table, its figures, what it names."""

import re
from pathlib import Path

from sd_on_eks.cdk_app.idle_cost import idle_cost, total_usd_per_month
from sd_on_eks.config.config import Config
from sd_on_eks.config.existing_solution.page import PAGE

ROOT = Path(__file__).parents[2]
TEXT = PAGE.read_text(encoding="utf-8")


def test_idle_cost_is_what_is_computed(default_config: Config) -> None:
    (stated,) = re.findall(r"about (\d+) US dollars a month", TEXT)
    assert abs(float(stated) - total_usd_per_month(idle_cost(default_config))) < 5


def test_pages_and_headings_that_it_names_exist() -> None:
    for page, heading in re.findall(r"\]\(([\w./-]*)(?:#([\w-]+))?\)", TEXT):
        target = ROOT / "docs" / page if page else PAGE
        assert target.exists(), page
        if heading:
            headings = re.findall(r"^#+ (.+)$", target.read_text("utf-8"), re.MULTILINE)
            assert heading in {re.sub(r"[^\w -]", "", one).lower().replace(" ", "-") for one in headings}, heading
