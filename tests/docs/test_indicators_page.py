"""The page of indicators says what their docstrings say."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest
from indicator_cases import CASES

from domain import indicators
from domain.indicators import recursive, windowed

PAGE = Path(__file__).parents[2] / "docs" / "indicators.md"


def row(name: str) -> str:
    """Return the call, what it returns, warm-up and source, from signature and docstring."""
    function = getattr(indicators, name)
    arguments = ", ".join(str(argument).partition(":")[0] + _default(argument) for argument in _arguments(function))
    text = " ".join(inspect.cleandoc(function.__doc__).replace("``", "`").split()).removeprefix("Return ")
    formula, source, warm_up = text, "", ""
    if "Warm-up: " in formula:
        before, _, after = formula.partition("Warm-up: ")
        warm_up, _, rest = after.partition(" Source: ")
        formula = before + ("Source: " + rest if rest else "")
    formula, _, source = formula.partition("Source: ")
    cells = (f"`{name}({arguments})`", formula, warm_up, source)
    return "| " + " | ".join(cell.strip().removesuffix(".") for cell in cells) + " |"


def _arguments(function: object) -> list[inspect.Parameter]:
    return list(inspect.signature(function).parameters.values())  # type: ignore[arg-type] # a function


def _default(argument: inspect.Parameter) -> str:
    return "" if argument.default is argument.empty else f"={argument.default}"


def table(module: object) -> str:
    """Return the rows of one module's indicators, in the order of their definition."""
    names = [name for name in CASES if getattr(indicators, name).__module__ == module.__name__]  # type: ignore[attr-defined]
    return "\n".join(["| call | returns | warm-up | source |", "|---|---|---|---|", *map(row, names)])


@pytest.mark.parametrize("module", [windowed, recursive], ids=["windowed", "recursive"])
def test_page_lists_every_indicator_as_its_docstring_has_it(module: object) -> None:
    """A changed docstring needs the page changed with it: the expected table is in the failure."""
    assert table(module) in PAGE.read_text()


def test_every_indicator_is_in_one_of_the_tables() -> None:
    """None is left out for standing in another module."""
    assert {getattr(indicators, name).__module__ for name in CASES} == {windowed.__name__, recursive.__name__}
