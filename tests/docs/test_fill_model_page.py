"""The functions that the page of the fill model and that of the limits name are there."""

import re
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MODULES = {path.stem for path in (ROOT / "domain" / "rules").glob("*.py")}


def named(page: str) -> set[tuple[str, str]]:
    """Return module and function of each rule that a page names as ``module.function``."""
    text = (ROOT / "docs" / page).read_text()
    return {(module, name) for module, name in re.findall(r"`(\w+)\.(\w+)`", text) if module in MODULES}


@pytest.mark.parametrize("page", ["fill-model.md", "limits.md", "sizing.md"])
def test_every_rule_a_page_names_exists(page: str) -> None:
    """A function that was renamed needs the page changed with it."""
    settings = {("costs", "borrow_rate"), ("costs", "borrow_rates")}
    rules = named(page) - settings
    assert rules
    assert {(module, name) for module, name in rules if not hasattr(import_module(f"domain.rules.{module}"), name)} == set()


@pytest.mark.parametrize("page", sorted(path.name for path in (ROOT / "docs").glob("*.md")))
def test_links_between_pages_lead_somewhere(page: str) -> None:
    """A page that is linked is in the folder."""
    linked = re.findall(r"\]\((?!http|#)([^)#]+)", (ROOT / "docs" / page).read_text())
    assert {name for name in linked if not (ROOT / "docs" / name).exists()} == set()
