"""The diagram of an order's life is the table the engine runs on."""

from pathlib import Path

from domain.orders import TERMINAL, TRANSITIONS, Status

PAGE = Path(__file__).parents[2] / "docs" / "orders.md"


def diagram() -> str:
    """Return the transition table as a Mermaid state diagram."""
    lines = ["stateDiagram-v2", f"    [*] --> {Status.REQUESTED}"]
    for status, following in TRANSITIONS.items():
        lines += [f"    {status} --> {to}" for to in Status if to in following]
    lines += [f"    {status} --> [*]" for status in Status if status in TERMINAL]
    return "\n".join(lines)


def test_page_shows_the_table_the_engine_runs_on() -> None:
    """A changed table needs the page changed with it: the expected block is in the failure."""
    assert f"```mermaid\n{diagram()}\n```" in PAGE.read_text()
