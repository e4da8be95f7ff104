"""The table of limits names every setting with the value shipped, and every reason of a refusal."""

import re
from pathlib import Path
from typing import Any

from domain.rules.limits import Breach, Limits
from tasks.settings import shipped_settings

PAGE = (Path(__file__).parents[2] / "docs" / "limits.md").read_text()


def told(value: Any) -> str:
    """Return a bound as the page writes it."""
    return "off" if value is None else str(value)


def test_table_has_the_shipped_default_of_every_limit() -> None:
    """A changed default, or a limit that is new, needs the page changed with it."""
    rows = re.findall(r"^\| `(\w+)` \|.*\| ([\w.]+) \|$", PAGE, re.MULTILINE)
    shipped = shipped_settings().risk_management.model_dump()
    assert dict(rows) == {name: told(shipped[name]) for name in Limits._fields}


def test_page_names_every_reason_of_a_refusal() -> None:
    """A person who meets a code finds it."""
    assert {breach.code for breach in Breach if breach is not Breach.NONE and f"`{breach.code}`" not in PAGE} == set()
