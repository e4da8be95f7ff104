"""The report as one HTML page."""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from dashboards.formatting import number, percent
from dashboards.report import honesty, sections
from dashboards.report.curves import Curves, curves_of
from dashboards.report.markup import Html, element, joined
from dashboards.report.monthly import monthly_returns
from dashboards.report.prices import prices_of
from domain.performance import equity_points, measure

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dashboards.report.prices import Prices
    from tasks.backtest import BacktestResult, Run

_HERE: Final = Path(__file__).parent
_BENCHMARK_MEASURES: Final = (
    "total_return", "annual_return", "annual_volatility", "max_drawdown", "sharpe", "sortino", "calmar", "var_95", "cvar_95",
)  # fmt: skip


def report_html(result: BacktestResult) -> str:
    """Return the report of a back-test: a page that asks for nothing outside itself.

    The first report of a process is the same page for the same result, to the byte, with one version of Bokeh.
    """
    from dashboards.report import charts  # noqa: PLC0415 - Bokeh takes a second to import

    document, run = result.document, result.run
    curves = curves_of(run)
    prices = prices_of(run, curves)
    returns = [trade["return"] for trade in result.trades]
    drawn, roots = charts.document_of(curves, prices, run.history.timeframe, returns)
    body = joined(_parts(result, curves, prices, log=charts.is_wide(curves), points=len(charts.drawn_points(curves))))
    title = f"{document['strategy']} on {', '.join(document['symbols'][:6])}"
    return _page(title, body, _data(drawn, roots, prices))


def _parts(result: BacktestResult, curves: Curves, prices: Prices, *, log: bool, points: int) -> list[Html]:
    document, run = result.document, result.run
    benchmark, daily = _benchmark(curves, run), honesty.is_daily(document)
    years = monthly_returns(curves.session, curves.equity, run.spec.initial_cash)
    return [
        _header(document),
        sections.headline(document, benchmark, run.spec.instruments[0].currency),
        sections.warnings(document),
        _equity(document, curves, benchmark, log=log, points=points),
        _drawdown(document, curves),
        _exposure(curves),
        _price(document, prices),
        sections.monthly(years),
        element("div", sections.measures(document, benchmark), _beside_measures(result), css="pair"),
        sections.trades(result.trades, daily=daily),
        sections.costs(document, run),
        sections.rests_on(document),
        element("footer", "The files beside this page hold all of it: result.json, equity.csv, fills.csv, trades.csv."),
    ]


def _beside_measures(result: BacktestResult) -> Html:
    return element("div", _returns(result.trades), sections.against(result.document), css="stack")


def _header(document: Mapping[str, Any]) -> Html:
    symbols = document["symbols"]
    named = ", ".join(symbols[:12]) + (f" and {len(symbols) - 12} more" if len(symbols) > 12 else "")
    told = f"{named} \N{MIDDLE DOT} {number(document['bars'], 0)} bars of {document['timeframe']}, {sections.period(document)}"
    known = sections.strategies(document)
    chosen = [element("p", values if len(known) == 1 else f"{name}: {values}") for name, values in known if values]
    return element("header", element("h1", document["strategy"].replace(",", " + ")), *chosen, element("p", told), css="top")


def _benchmark(curves: Curves, run: Run) -> dict[str, float | None]:
    """Return the measures of buying and holding that do not come from trades."""
    before = None if run.spec.timeframe.is_daily else run.spec.initial_cash
    points = equity_points(curves.benchmark, curves.session, before)
    periods = run.spec.annual_periods
    nothing: dict[str, Any] = {"trades": (), "fees": 0.0, "traded": 0.0, "bars": 0, "bars_held": 0}
    found = measure(points, initial_cash=run.spec.initial_cash, periods=periods, **nothing)
    return {name: found[name] for name in _BENCHMARK_MEASURES}


def _equity(document: Mapping[str, Any], curves: Curves, benchmark: Mapping[str, float | None], *, log: bool, points: int) -> Html:
    told = (
        f"Equity from {number(document['initial_cash'])} to {number(document['final_equity'])}; the same symbols bought and "
        f"held in equal parts: {percent(benchmark['total_return'], signed=True)}."
    )
    parts = ["Logarithmic scale"] if log else []
    if points < len(curves.time):
        parts.append(f"{number(points, 0)} of {number(len(curves.time), 0)} points drawn, among them each high and low")
    key = sections.legend([("line blue", "This run"), ("line grey", "Bought and held in equal parts, without costs and dividends")])
    return sections.chart("equity", "Equity", told, note="; ".join(parts), key=key)


def _drawdown(document: Mapping[str, Any], curves: Curves) -> Html:
    daily = honesty.is_daily(document)
    deepest = int(np.argmin(curves.drawdown))
    depth, when_ = float(curves.drawdown[deepest]), honesty.when(_iso(curves.time[deepest]), daily=daily)
    note = f"Deepest {percent(depth)} on {when_}" if depth < 0.0 else "Never below an earlier peak"
    ends = document["metrics"]["max_drawdown"]
    if ends is not None and abs(ends - depth) > 5e-5:
        note += f"; {percent(ends)} at the end of a session"
    return sections.chart("drawdown", "Drawdown", f"Fall from the highest equity so far. {note}.", note=note)


def _iso(time: np.int64) -> str:
    return str(np.datetime64(int(time), "us"))


def _exposure(curves: Curves) -> Html:
    gross = curves.long - curves.short
    note = f"Mean {percent(float(gross.mean()), decimals=1)}, highest {percent(float(gross.max()), decimals=1)} of the equity"
    shorts = float(curves.short.min()) < 0.0
    key = sections.legend([("area blue", "Long"), ("area orange", "Short")]) if shorts else None
    return sections.chart("exposure", "Exposure", f"Market value held as a share of the equity. {note}.", note=note, key=key)


def _price(document: Mapping[str, Any], prices: Prices) -> Html:
    names = [record["symbol"] for record in prices.symbols]
    chooser = None
    if len(names) > 1:
        options = [element("option", name, value=place) for place, name in enumerate(names)]
        chooser = element(
            "p", element("label", "Symbol", for_="symbol"), " ", element("select", *options, id="symbol"), css="chooser"
        )
    key = sections.legend([("up", "Buy"), ("down", "Sell"), _price_key(prices)])
    note = element("p", prices.symbols[0]["note"], css="foot", id="price-note")
    left = f" {prices.left_out} symbols with fewer fills are left out." if prices.left_out else ""
    told = f"Prices of {', '.join(names[:12])} with the {number(document['fills'], 0)} fills of the run.{left}"
    card = sections.chart("price", "Price and fills", told, note=left.strip(), key=key, above=chooser)
    return Html(card.removesuffix("</section>") + note + "</section>")


def _price_key(prices: Prices) -> tuple[str, str]:
    said = "Bars, filled when falling" if prices.candles else "Price"
    return "line grey", f"{said}, logarithmic scale" if prices.wide else said


def _returns(trades: Sequence[Mapping[str, Any]]) -> Html:
    if not trades:
        return sections.nothing("Returns of trades", "No trade was closed.")
    values = np.array([trade["return"] for trade in trades])
    note = f"Median {percent(float(np.median(values)), signed=True)}"
    told = f"Histogram of the returns of {len(trades)} trades. {note}, worst {percent(values.min())}, best {percent(values.max())}."
    card = sections.chart("returns", "Returns of trades", told, note=note)
    return Html(card.removesuffix("</section>") + sections.exits(trades) + "</section>")


def _data(drawn: str, roots: Mapping[str, str], prices: Prices) -> Html:
    """Return the data of the drawings in a script that is no program; ``<`` is escaped, so that it cannot end early.

    A single symbol's prices are in the drawing already.
    """
    records = prices.symbols if len(prices.symbols) > 1 else []
    places = {root: f"plot-{name}" for root, name in roots.items()}
    text = f'{{"document":{drawn},"roots":{json.dumps(places)},"prices":{json.dumps(records, separators=(",", ":"))}}}'
    return Html(f'<script type="application/json" id="data">{text.replace("<", chr(92) + "u003c")}</script>')


def _page(title: str, body: Html, data: Html) -> str:
    from bokeh.settings import settings  # noqa: PLC0415 - imported already where drawings were made

    library = (Path(settings.bokehjs_path()) / "js" / "bokeh.min.js").read_text(encoding="utf-8")
    style, program = ((_HERE / name).read_text(encoding="utf-8") for name in ("page.css", "page.js"))
    head = [
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=_policy(library, program)),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("title", title),
        Html(f"<style>{style}</style>"),
    ]
    unseen = element("noscript", element("p", "The drawings need JavaScript; the figures and tables do not.", css="card"))
    main = element("main", unseen, body)
    scripts = f"<script>{library}</script><script>{program}</script>"
    return f'<!doctype html>\n<html lang="en"><head>{joined(head)}</head>\n<body>{main}\n{data}\n{scripts}</body></html>\n'


def _policy(*programs: str) -> str:
    """Return a policy under which the page asks for nothing and runs these programs alone."""
    hashes = (base64.b64encode(hashlib.sha256(program.encode()).digest()).decode() for program in programs)
    allowed = " ".join(f"'sha256-{text}'" for text in hashes)
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
    )
