"""The parts of the report above and below its drawings: headline, tables, and what the result rests on."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from dashboards.formatting import number, percent, price, quantity, tone
from dashboards.report import honesty
from dashboards.report.costs import Cost, costs_by_symbol
from dashboards.report.markup import Html, card, element, joined, pairs, table

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from dashboards.report.monthly import Year
    from tasks.backtest import Run

    type Row = Mapping[str, Any]

MOST_TRADES: Final = 500
MOST_COSTS: Final = 25
MOST_WARNINGS: Final = 30
_YEAR: Final = 365
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_STRONGEST_MONTH, _STRONGEST_YEAR = 0.10, 0.40  # returns from which on the colour of a cell grows no stronger
_MEASURES: Final = {
    "total_return": ("Total return", percent),
    "annual_return": ("Return a year", percent),
    "annual_volatility": ("Volatility a year", percent),
    "max_drawdown": ("Deepest drawdown", percent),
    "sharpe": ("Sharpe ratio", number),
    "sortino": ("Sortino ratio", number),
    "calmar": ("Calmar ratio", number),
    "var_95": ("Value at risk, 95 %, a day", percent),
    "cvar_95": ("Mean loss beyond it", percent),
    "win_rate": ("Winning trades", percent),
    "profit_factor": ("Profit factor", number),
    "exposure": ("Bars with a position", percent),
    "turnover": ("Turnover a year", number),
    "fees": ("Fees", number),
}


def strategies(document: Row) -> list[tuple[str, str]]:
    """Return each strategy's name with its parameters as a person reads them."""
    names = document["strategy"].split(",")
    given = document["parameters"] if len(names) > 1 else {names[0]: document["parameters"]}
    return [(name, honesty.plain(given[name]) if given[name] else "") for name in names]


def period(document: Row) -> str:
    """Return the first and the last bar of a run."""
    daily = honesty.is_daily(document)
    unit = "" if daily else " UTC"
    return f"{honesty.when(document['start'], daily=daily)} to {honesty.when(document['end'], daily=daily)}{unit}"


def headline(document: Row, benchmark: Mapping[str, float | None], currency: str) -> Html:
    """Return what became of the money, in large, and the six figures that say how."""
    metrics, start, end = document["metrics"], document["initial_cash"], document["final_equity"]
    gained, total = end - start, metrics["total_return"]
    arrow = {"gain": "\N{BLACK UP-POINTING TRIANGLE} ", "loss": "\N{BLACK DOWN-POINTING TRIANGLE} "}.get(tone(gained), "")
    amount = element("p", element("span", number(end), css="amount", data_name="final_equity"), " ", currency, css="value")
    moved = element("strong", f"{arrow}{percent(total, signed=True)}", css=tone(gained), data_name="total_return")
    than = f" \N{MIDDLE DOT} {number(gained, signed=True)} on {number(start)}"
    compared = element("p", "Bought and held instead: ", element("strong", percent(benchmark["total_return"], signed=True)))
    left = element("div", element("p", "Equity at the end", css="caption"), amount, element("p", moved, than), compared)
    won = "" if metrics["win_rate"] is None else f"{percent(metrics['win_rate'], decimals=1)} won"
    days = (datetime.fromisoformat(document["end"]) - datetime.fromisoformat(document["start"])).days + 1
    scaled = f"scaled up from {days} days" if days < _YEAR else ""
    figures = [
        _figure(
            "annual_return", "Return a year", percent(metrics["annual_return"], signed=True), tone(metrics["annual_return"]), scaled
        ),
        _figure("max_drawdown", "Deepest drawdown", percent(metrics["max_drawdown"]), tone(metrics["max_drawdown"])),
        _figure("sharpe", "Sharpe ratio", number(metrics["sharpe"])),
        _figure("trades", "Closed trades", number(document["trades"], 0), note=won),
        _figure("exposure", "Bars with a position", percent(metrics["exposure"], decimals=1)),
        _figure("fees", "Fees paid", number(metrics["fees"]), note=f"{percent(metrics['fees'] / start)} of the initial cash"),
    ]
    return element("section", left, element("dl", *figures, css="figures"), css="card headline", aria_label="Result")


def _figure(name: str, label: str, value: str, css: str = "", note: str = "") -> Html:
    noted = [element("dd", note, css="sub")] if note else []
    return element("div", element("dt", label), element("dd", value, css=css or None, data_name=name), *noted)


def warnings(document: Row) -> Html:
    """Return what a person must know before believing the figures; nothing where there is nothing."""
    said = document["warnings"]
    if not said:
        return Html()
    rest = len(said) - MOST_WARNINGS
    items = [*said[:MOST_WARNINGS], *([f"{rest} more in result.json"] if rest > 0 else [])]
    return card("Warnings", element("ul", *(element("li", text) for text in items)), css="warnings")


def measures(document: Row, benchmark: Mapping[str, float | None]) -> Html:
    """Return all measures of the run beside those of buying and holding."""
    rows = [
        (
            _head(label),
            element("td", format_(document["metrics"][name]), css="number", data_measure=name),
            format_(benchmark[name]) if name in benchmark else "",
        )
        for name, (label, format_) in _MEASURES.items()
        if name in document["metrics"]
    ]
    columns = [("Measure", ""), ("This run", "number"), ("Buy and hold", "number")]
    made = table("Measures of this run and of buying and holding", columns, rows)
    return card("Measures", made, note="One point a session; risk-free rate 0")


def against(document: Row) -> Html:
    """Return the run against buying and holding; nothing where the document does not say."""
    shown = honesty.against(document)
    return card("Against buying and holding", pairs(shown)) if shown else Html()


def monthly(years: Sequence[Year]) -> Html:
    """Return the table of months, coloured by return, with the total of each year."""
    rows = [
        (_head(str(year.year)), *(_return_cell(value, _STRONGEST_MONTH) for value in year.months), _total(year.total))
        for year in reversed(years)
    ]
    columns = [("Year", ""), *((month, "number") for month in _MONTHS), ("Total", "number")]
    made = table("Returns by month and year, in per cent", columns, rows, css="months")
    return card("Monthly returns", made, note="Per cent; blue gained, orange lost")


def _total(value: float | None) -> Html:
    return _return_cell(value, _STRONGEST_YEAR, " total")


def _return_cell(value: float | None, strongest: float, css: str = "") -> Html:
    """Return a cell with one decimal, on a narrow screen none."""
    if value is None:
        return element("td", "", css=f"number{css}")
    strength = min(abs(value) / strongest, 1.0) ** 0.75
    fine = element("span", number(value * 100, 1), css="fine")
    coarse = element("span", number(value * 100, 0), css="coarse")
    return element("td", fine, coarse, css=f"number {tone(value)}-back{css}", style=f"--strength:{strength:.2f}", data_value=value)


def _head(text: str) -> Html:
    return element("th", text, scope="row")


def trades(rows: Sequence[Row], *, daily: bool) -> Html:
    """Return the latest closed trades; trades.csv has all."""
    if not rows:
        return card("Trades", element("p", "No trade was closed: no position went from flat to flat again.", css="empty"))
    columns = [
        ("Symbol", ""), ("Side", "wide"), ("Quantity", "number wide"), ("Entry (UTC)", "wide"), ("Entry price", "number wide"),
        ("Exit (UTC)", ""), ("Exit price", "number wide"), ("Fees", "number wide"), ("Gain or loss", "number"),
        ("Return", "number"), ("Exit reason", "wide"),
    ]  # fmt: skip
    shown = rows[-MOST_TRADES:]
    note = f"{number(len(rows), 0)} closed, net of fees"
    if len(shown) < len(rows):
        note = f"The latest {number(len(shown), 0)} of {number(len(rows), 0)}; trades.csv has all"
    made = table(
        "Closed trades, the latest first",
        columns,
        (_trade(row, daily=daily) for row in reversed(shown)),
        css="trades",
        sortable=True,
    )
    return card("Trades", made, note=note)


def _trade(row: Row, *, daily: bool) -> list[str]:
    return [
        _sorted(row["symbol"], row["symbol"], "strong"),
        row["side"],
        _sorted(quantity(row["quantity"]), row["quantity"], "number wide"),
        element("td", honesty.when(row["entry_time"], daily=daily), css="wide time"),
        _sorted(price(row["entry_price"]), row["entry_price"], "number wide"),
        element("td", honesty.when(row["exit_time"], daily=daily), css="time"),
        _sorted(price(row["exit_price"]), row["exit_price"], "number wide"),
        _sorted(number(row["fees"]), row["fees"], "number wide"),
        _sorted(number(row["pnl"], signed=True), row["pnl"], f"number {tone(row['pnl'])}"),
        _sorted(percent(row["return"], signed=True), row["return"], f"number {tone(row['return'])}"),
        honesty.label(row["reason"]),
    ]


def _sorted(text: str, value: float | str, css: str) -> Html:
    return element("td", text, css=css.strip(), data_value=value)


def exits(rows: Sequence[Row]) -> Html:
    """Return how trades ended, by reason."""
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(row["reason"], []).append(row)
    lines = [
        (
            _head(honesty.label(reason)),
            number(len(group), 0),
            percent(sum(row["pnl"] > 0 for row in group) / len(group), decimals=1),
            _signed(sum(row["pnl"] for row in group)),
        )
        for reason, group in sorted(found.items(), key=lambda item: -len(item[1]))
    ]
    columns = [("Exit reason", ""), ("Trades", "number"), ("Won", "number"), ("Gain or loss", "number")]
    return table("Trades by the reason of their exit", columns, lines)


def _signed(value: float) -> Html:
    return element("td", number(value, signed=True), css=f"number {tone(value)}".strip())


def costs(document: Row, run: Run) -> Html:
    """Return what trading cost by symbol: fees, and what slippage took inside the prices."""
    by_symbol = costs_by_symbol(run.fills, run.spec.costs.slippage_rate)
    if not by_symbol:
        return card("Costs", element("p", "Nothing was traded, so nothing was paid.", css="empty"))
    total = Cost()
    for cost in by_symbol.values():
        total = total.plus(cost)
    largest = sorted(by_symbol.items(), key=lambda item: -item[1].traded)
    rows = [_cost(symbol, cost) for symbol, cost in largest[:MOST_COSTS]]
    if len(largest) > MOST_COSTS:
        rest = Cost()
        for _, cost in largest[MOST_COSTS:]:
            rest = rest.plus(cost)
        rows.append(_cost(f"{len(largest) - MOST_COSTS} more", rest))
    if len(largest) > 1:
        rows.append(_cost("All", total))
    columns = [("Symbol", ""), ("Fills", "number wide"), ("Bought and sold", "number"), ("Fees", "number"), ("Slippage", "number")]
    paid = total.fees + total.slippage
    said = f"{number(paid)} in all, {percent(paid / document['initial_cash'])} of the initial cash"
    if run.borrow_fees > 0.0:
        said += f"; for borrowed shares {number(run.borrow_fees)} beside it"
    return card("Costs", table("Costs by symbol", columns, rows, css="few"), note=said)


def _cost(symbol: str, cost: Cost) -> list[str]:
    return [_head(symbol), number(cost.fills, 0), number(cost.traded), number(cost.fees), number(cost.slippage)]


def rests_on(document: Row) -> Html:
    """Return every assumption, limit, refusal, hole and fingerprint behind the figures."""
    holes = honesty.holes(document)
    columns = [("Symbol", ""), ("Missing bars", "number"), ("Longest hole", "")]
    missing = table("Missing bars by symbol", columns, holes) if holes else element("p", "No bar is missing inside a session.")
    left = _block("Assumptions", pairs(honesty.assumptions(document)))
    right = [
        _block("Limits in force", pairs(honesty.limits(document))),
        _block("Refused orders by reason", pairs(honesty.refusals(document))),
        _block("Holes in the data", missing),
    ]
    below = _block("Fingerprints", pairs(honesty.fingerprints(document)))
    return card("What this result rests on", element("div", left, element("div", *right), below, css="rests"), name="rests-on")


def _block(title: str, body: Html) -> Html:
    return element("div", element("h3", title), body, css="block")


def legend(items: Iterable[tuple[str, str]]) -> Html:
    """Return the key of a drawing: ``items`` are class of the swatch and name."""
    return element("p", *(element("span", element("i", css=css), name) for css, name in items), css="legend")


def chart(name: str, title: str, told: str, *, note: str = "", key: Html | None = None, above: Html | None = None) -> Html:
    """Return a card with the place of a drawing; ``told`` is what it shows, for those who hear the page."""
    place = element("div", css=f"plot {name}", id=f"plot-{name}", role="img", aria_label=told)
    return card(title, joined([*filter(None, [above, key])]), place, note=note, name=f"{name}-title")


def nothing(title: str, text: str) -> Html:
    """Return a card that says why there is no drawing."""
    return card(title, element("p", text, css="empty"))
