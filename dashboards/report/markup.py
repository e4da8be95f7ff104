"""HTML built from elements: text is escaped unless it is markup made here."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Final

from dashboards.formatting import inert

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

VOID: Final = {"meta", "input", "br"}


class Html(str):
    """Markup. A plain ``str`` is text."""

    __slots__ = ()


def element(tag: str, /, *children: str, **attributes: str | float | bool | None) -> Html:
    """Return an element: ``children`` are text, escaped and without characters that act, unless they are ``Html``.

    ``css`` is the attribute class, an underscore in a name a hyphen; None and False leave an attribute out, True gives it no value.
    """
    opened = "".join(_attribute(key, value) for key, value in attributes.items() if value is not None and value is not False)
    if tag in VOID:
        return Html(f"<{tag}{opened}>")
    return Html(f"<{tag}{opened}>{joined(children)}</{tag}>")


def _attribute(key: str, value: object) -> str:
    name = "class" if key == "css" else key.rstrip("_").replace("_", "-")
    return f" {name}" if value is True else f' {name}="{escape(inert(value))}"'


def joined(children: Iterable[str]) -> Html:
    """Return ``children`` one after the other, as ``element`` takes them."""
    return Html("".join(child if isinstance(child, Html) else escape(inert(child)) for child in children))


def card(title: str, *children: str, note: str = "", css: str = "", name: str | None = None) -> Html:
    """Return a section with a heading, beside it a quiet ``note``."""
    name = name or title.lower().replace(" ", "-")
    head = element("h2", title, id=name)
    noted = element("p", note, css="note") if note else Html()
    header = element("div", head, noted, css="head")
    return element("section", header, *children, css=f"card {css}".strip(), aria_labelledby=name)


def table(
    caption: str, columns: Sequence[tuple[str, str]], rows: Iterable[Sequence[str]], *, css: str = "", sortable: bool = False
) -> Html:
    """Return a table in a frame that scrolls by itself where the screen is narrow.

    ``columns`` are heading and class of each column: ``number`` to the right, ``wide`` gives way on a narrow screen. A cell that
    is already an element ``td`` or ``th`` stands as it is. ``caption`` is for those who hear the page.
    """
    heads = [element("th", _head(title, sortable=sortable), scope="col", css=kind or None) for title, kind in columns]
    body = [element("tr", *(_cell(cell, kind) for cell, (_, kind) in zip(row, columns, strict=True))) for row in rows]
    parts = [
        element("caption", caption, css="heard"),
        element("thead", element("tr", *heads)),
        element("tbody", *body),
    ]
    made = element("table", *parts, css=f"{css} sortable".strip() if sortable else css or None)
    return element("div", made, css="frame", tabindex="0", role="region", aria_label=caption)


def _head(title: str, *, sortable: bool) -> str:
    return element("button", title, type="button") if sortable and title else title


def _cell(cell: str, kind: str) -> Html:
    if isinstance(cell, Html) and cell.startswith(("<td", "<th")):
        return cell
    return element("td", cell, css=kind or None)


def pairs(items: Iterable[tuple[str, str]]) -> Html:
    """Return names with values, as a description list."""
    return element(
        "dl",
        *(element("div", element("dt", name), element("dd", value)) for name, value in items),
        css="facts",
    )
