"""The building blocks of the pages.

Each is a small script of its own (``assets/``) that sets text and draws SVG: no markup is ever built from data, nothing is
fetched, and a component is sent only what changed. They are lighter than Panel's own panes, which bring a formula renderer of
1.8 MB with every piece of HTML, and a data frame library with every table.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, Final

import param
from panel.custom import JSComponent

ASSETS: Final = Path(__file__).parent / "assets"


def _styles(name: str) -> list[str]:
    """Return the shared style sheet and the component's own."""
    return [(ASSETS / file).read_text(encoding="utf-8") for file in ("base.css", f"{name}.css")]


class Component(JSComponent):
    """A component of ours, with a typed construction: parameters by name."""

    __abstract = True

    def __init__(self, **params: Any) -> None:
        super().__init__(**params)  # type: ignore[no-untyped-call]  # Panel carries no annotations


class Headline(Component):
    """Equity in large, its moves, and the figures beside it."""

    data = param.Dict(default={})
    _esm: ClassVar[Path] = ASSETS / "headline.js"
    _stylesheets: ClassVar[list[str]] = _styles("headline")


class Curve(Component):
    """An equity curve with the drawdown below it."""

    data = param.Dict(default={})
    _esm: ClassVar[Path] = ASSETS / "curve.js"
    _stylesheets: ClassVar[list[str]] = _styles("curve")


class Table(Component):
    """Rows of text cells; with ``selectable`` a click or Enter sets ``chosen`` to the key of the row.

    ``empty`` stands where there are no rows.
    """

    title = param.String()
    note = param.String()
    empty = param.String()
    columns = param.List(default=[])
    rows = param.List(default=[])
    selectable = param.Boolean(default=False)
    chosen = param.String()
    _esm: ClassVar[Path] = ASSETS / "table.js"
    _stylesheets: ClassVar[list[str]] = _styles("table")


class Facts(Component):
    """A short list of labelled facts."""

    data = param.Dict(default={})
    _esm: ClassVar[Path] = ASSETS / "facts.js"
    _stylesheets: ClassVar[list[str]] = _styles("facts")


class Notice(Component):
    """What a person must know before any figure; ``beat`` proves to the browser that the server is there."""

    data = param.Dict(default={})
    beat = param.Integer(default=0)
    _esm: ClassVar[Path] = ASSETS / "notice.js"
    _stylesheets: ClassVar[list[str]] = _styles("notice")


class Badge(Component):
    """The state of the session and the way to Prefect, in the header."""

    data = param.Dict(default={})
    _esm: ClassVar[Path] = ASSETS / "badge.js"
    _stylesheets: ClassVar[list[str]] = _styles("badge")


def cell(text: str, tone: str = "", sub: str = "") -> dict[str, str]:
    """Return a cell of a table; ``sub`` is a second, quiet line."""
    return {"text": text, "tone": tone, "sub": sub}


def column(name: str, label: str, *, number: bool = False, wide: bool = False) -> dict[str, Any]:
    """Return a column of a table; ``wide`` ones give way on a narrow screen."""
    return {"name": name, "label": label, "number": number, "wide": wide}
