"""The page at ``/``: how much money, how it moves, what is held."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any, Final

import panel as pn

from dashboards import tables, views
from dashboards.components import Badge, Curve, Facts, Headline, Notice, Table

if TYPE_CHECKING:
    from collections.abc import Callable

    import param

    from dashboards.snapshot import Snapshot

REFRESH_MS: Final = 750
BEAT_SECONDS: Final = 4.0
UNKNOWN: Final = "Not known: the database does not answer."
EMPTY: Final = {
    "Positions": "No position is held.",
    "Orders": "No order has been placed.",
    "Fills": "Nothing has been filled.",
    "Back-tests": "No back-test is stored.",
    "System events": "Nothing has been recorded.",
}

PAGE_STYLE: Final = """
body, #main, #content { background: #f4f6f8; }
#container { padding: 0; }
#header { box-shadow: none !important; border-bottom: 1px solid #e3e7ec; min-height: 54px; padding: 6px 24px; flex-wrap: nowrap; }
#header a.title { font: 650 16px/1.2 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", Arial, sans-serif; color: #16202e;
  text-decoration: none; letter-spacing: -0.005em; white-space: nowrap; }
#header-items { flex: 1; display: flex; justify-content: flex-end; align-items: center; width: auto; min-width: 0; padding: 0; }
#content { margin: 0; }
#main { padding: 18px 24px 32px; overflow-x: hidden; }
.pn-modal { display: none; }
@media (max-width: 620px) { #header { padding: 6px 14px; } #main { padding: 10px 10px 24px; } }
"""
GRID_STYLE: Final = """
:host { display: grid !important; grid-template-columns: repeat(12, minmax(0, 1fr)); gap: 14px; width: 100%; align-items: stretch; }
"""


def _place(columns: int) -> list[str]:
    """Return the style of a card that takes ``columns`` of twelve, all of them on a narrow screen."""
    return [
        f":host {{ grid-column: span {columns}; margin: 0 !important; align-self: stretch !important; height: auto !important; }}",
        "@media (max-width: 1000px) { :host { grid-column: 1 / -1; } }",
    ]


class Overview:
    """One visitor's page: components, and what was last sent to each.

    ``read`` gives the latest snapshot, ``backtest`` the curve data of a stored back-test (None when there is none).
    """

    def __init__(self, read: Callable[[], Snapshot], backtest: Callable[[str], dict[str, Any] | None], prefect_url: str) -> None:
        self._read = read
        self._backtest = backtest
        self._prefect_url = prefect_url
        self._beaten = 0.0
        self._shown: Snapshot | None = None
        snapshot = read()
        self.notice = Notice(data=views.notice(snapshot, time.time()), stylesheets=_place(12))
        self.badge = Badge(data=views.badge(snapshot, prefect_url))
        self.headline = Headline(data=views.headline(snapshot), stylesheets=_place(12))
        self.curve = Curve(data=views.session_curve(snapshot), stylesheets=_place(8))
        self.session = Facts(data=views.session_facts(snapshot), stylesheets=_place(4))
        self.positions = _table("Positions", tables.POSITION_COLUMNS, 4)
        self.orders = _table("Orders", tables.ORDER_COLUMNS, 6)
        self.fills = _table("Fills", tables.FILL_COLUMNS, 6)
        self.backtests = _table("Back-tests", tables.BACKTEST_COLUMNS, 5, selectable=True)
        self.backtest = Curve(data=views.backtest_curve(None), stylesheets=_place(7))
        self.events = _table("System events", tables.EVENT_COLUMNS, 8)
        self.backtests.param.watch(self._choose, "chosen")
        self.refresh()

    def cards(self) -> list[Any]:
        """Return the components in reading order."""
        return [
            self.notice,
            self.headline,
            self.curve,
            self.positions,
            self.orders,
            self.fills,
            self.backtests,
            self.backtest,
            self.session,
            self.events,
        ]

    def refresh(self) -> None:
        """Send what changed since the last time; called every ``REFRESH_MS`` while the page is open."""
        now = time.time()
        snapshot = self._read()
        _send(self.notice, data=views.notice(snapshot, now))
        if now - self._beaten >= BEAT_SECONDS:
            self._beaten = now
            self.notice.beat += 1
        if snapshot is self._shown:
            return
        self._shown = snapshot
        _send(self.badge, data=views.badge(snapshot, self._prefect_url))
        _send(self.headline, data=views.headline(snapshot))
        _send(self.curve, data=views.session_curve(snapshot))
        _send(self.session, data=views.session_facts(snapshot))
        for table, rows in (
            (self.positions, tables.position_rows(snapshot)),
            (self.orders, tables.order_rows(snapshot)),
            (self.fills, tables.fill_rows(snapshot)),
            (self.backtests, tables.backtest_rows(snapshot)),
            (self.events, tables.event_rows(snapshot)),
        ):
            _send(table, rows=rows, empty=UNKNOWN if snapshot.read_at is None else EMPTY[table.title])
        if not self.backtests.chosen and snapshot.backtests:
            self.backtests.chosen = str(snapshot.backtests[0]["id"])

    async def _choose(self, event: param.parameterized.Event) -> None:
        """Show the back-test a person chose; the database is asked beside the event loop, which serves everybody."""
        document = await asyncio.to_thread(self._backtest, event.new)
        if event.new == self.backtests.chosen:
            _send(self.backtest, data=views.backtest_curve(document))


def _table(title: str, columns: list[dict[str, Any]], width: int, *, selectable: bool = False) -> Table:
    return Table(title=title, columns=columns, empty=EMPTY[title], selectable=selectable, stylesheets=_place(width))


def _send(component: Any, **values: Any) -> None:
    """Set the parameters that differ; one that is equal causes no message."""
    changed = {name: value for name, value in values.items() if getattr(component, name) != value}
    if changed:
        component.param.update(**changed)


def overview_page(
    read: Callable[[], Snapshot], backtest: Callable[[str], dict[str, Any] | None], prefect_url: str
) -> pn.template.BootstrapTemplate:
    """Return the page for one visitor, updating itself while it is open."""
    page = Overview(read, backtest, prefect_url)
    template = pn.template.BootstrapTemplate(  # type: ignore[no-untyped-call]  # Panel carries no annotations
        title="Pi 5 Trading",
        header=[page.badge],
        main=[pn.Column(*page.cards(), stylesheets=[GRID_STYLE], sizing_mode="stretch_width", margin=0)],
        header_background="#ffffff",
        header_color="#16202e",
        meta_viewport="width=device-width, initial-scale=1",
        busy_indicator=None,
        collapsed_sidebar=True,
        raw_css=[PAGE_STYLE],
    )
    pn.state.add_periodic_callback(page.refresh, period=REFRESH_MS)
    return template
