"""The drawings of the report as one Bokeh document; its colours of ink and grid are set by the page, for a light or a dark screen.

Bokeh takes a second to import: nothing imports this module at the top of another.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from bokeh.document import Document
from bokeh.models import (
    BoxZoomTool,
    ColumnDataSource,
    DataRange1d,
    DatetimeAxis,
    DatetimeTickFormatter,
    Grid,
    HoverTool,
    LinearAxis,
    LinearScale,
    LogAxis,
    LogScale,
    LogTicker,
    NumeralTickFormatter,
    PanTool,
    Plot,
    Quad,
    Range1d,
    ResetTool,
    Scatter,
    Segment,
    Toolbar,
    VArea,
    VAreaStep,
    VBar,
    WheelZoomTool,
)
from bokeh.models import Line as LineGlyph

from dashboards.report.decimation import extremes_of_all, spans_much

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from dashboards.report.curves import Curves
    from dashboards.report.prices import Prices
    from domain.market import Timeframe

    type Series = NDArray[np.float64]

BLUE: Final = "#2a7bc4"
ORANGE: Final = "#d2691e"
GREY: Final = "#8593a3"
"""Readable on white and on near-black, and told apart by every kind of colour vision."""

MOST_POINTS: Final = 8_000
_FEW_MARKS: Final = 150  # of one side, more are drawn smaller
_NO_DRAWDOWN: Final = 1e-6


def document_of(curves: Curves, prices: Prices, timeframe: Timeframe, returns: Sequence[float]) -> tuple[str, dict[str, str]]:
    """Return the Bokeh document as JSON and, for each of its roots, the name of the drawing it is.

    The names are ``equity``, ``drawdown``, ``exposure``, ``price`` and, where there are ``returns`` of trades, ``returns``. The
    first three share their points and their range of time; ``price`` shows the first symbol until the page gives it another.
    """
    source, times = _curves(curves), _time_range(curves.time)
    drawings = {
        "equity": _equity(source, curves, times, timeframe),
        "drawdown": _drawdown(source, curves, times, timeframe),
        "exposure": _exposure(source, curves, times, timeframe),
        "price": _price(prices, curves.time, timeframe),
    }
    if returns:
        drawings["returns"] = _returns(np.array(returns))
    document = Document()
    for name, plot in drawings.items():
        plot.name = f"plot-{name}"
        document.add_root(plot)
    return json.dumps(document.to_json(deferred=False), separators=(",", ":")), {plot.id: name for name, plot in drawings.items()}


def drawn_points(curves: Curves) -> NDArray[np.int64]:
    """Return the points of the curves that are drawn."""
    return extremes_of_all([curves.equity, curves.benchmark, curves.drawdown, curves.long, curves.short], MOST_POINTS)


def is_wide(curves: Curves) -> bool:
    """Whether equity and benchmark span so much that only a logarithmic scale shows both."""
    return spans_much(np.concatenate([curves.equity, curves.benchmark]))


def _curves(curves: Curves) -> ColumnDataSource:
    drawn = drawn_points(curves)
    return ColumnDataSource(
        {
            "time": _milliseconds(curves.time[drawn]),
            "equity": curves.equity[drawn],
            "benchmark": curves.benchmark[drawn],
            "drawdown": curves.drawdown[drawn].astype(np.float32),
            "long": curves.long[drawn].astype(np.float32),
            "short": curves.short[drawn].astype(np.float32),
        }
    )


def _milliseconds(time: NDArray[np.int64]) -> Series:
    return time / 1000.0


def _time_range(time: NDArray[np.int64]) -> Range1d:
    """Return the range of all times with a little room."""
    start, end = float(time[0]) / 1000.0, float(time[-1]) / 1000.0
    room = max((end - start) * 0.01, 30_000.0)
    return _bounded(start - room, end + room)


def _bounded(start: float, end: float) -> Range1d:
    """Return a range which panning and zooming cannot leave."""
    return Range1d(start=start, end=end, bounds=(start, end))


def _plot(height: int, x_range: Range1d, *, log: bool = False, low: float | None = None, high: float | None = None) -> Plot:
    """Return an empty plot; ``low`` and ``high`` hold ends of the range of values, which otherwise follows what is shown."""
    held: dict[str, Any] = {name: value for name, value in (("start", low), ("end", high)) if value is not None}
    plot = Plot(
        x_range=x_range,
        y_range=DataRange1d(range_padding=0.06, **held),
        x_scale=LinearScale(),
        y_scale=LogScale() if log else LinearScale(),
        window_axis="x",
        height=height,
        sizing_mode="stretch_width",
        toolbar=Toolbar(autohide=True, logo=None),
        toolbar_location="above",
        background_fill_color=None,
        border_fill_color=None,
        outline_line_color=None,
        min_border_left=6,
        min_border_right=58,
        min_border_top=4,
        min_border_bottom=26,
    )
    box = BoxZoomTool(dimensions="width")
    plot.add_tools(PanTool(dimensions="width"), box, WheelZoomTool(dimensions="width"), ResetTool())
    plot.toolbar.active_drag = box
    plot.toolbar.active_scroll = None
    return plot


def _axes(plot: Plot, values: str, *, log: bool = False, below: Any = None, ticks: int = 5) -> None:
    """Add axes and grid; ``values`` is the format of the numbers on the right."""
    across = below or DatetimeAxis(formatter=_dates())
    upright: Any = LogAxis(ticker=LogTicker(mantissas=[1, 2, 5])) if log else LinearAxis()
    upright.formatter = NumeralTickFormatter(format=values)
    upright.ticker.desired_num_ticks = ticks
    for axis in (across, upright):
        axis.axis_line_color = axis.minor_tick_line_color = axis.major_tick_line_color = None
        axis.major_label_text_font_size = "11.5px"
        axis.major_label_standoff = 6
    plot.add_layout(across, "below")
    plot.add_layout(upright, "right")
    plot.add_layout(Grid(axis=across, dimension=0))
    plot.add_layout(Grid(axis=upright, dimension=1))


def _dates() -> DatetimeTickFormatter:
    """Return the format of times, as coarse as the ticks are apart; a model belongs to one drawing."""
    return DatetimeTickFormatter(
        milliseconds="%H:%M:%S",
        seconds="%H:%M:%S",
        minsec="%H:%M",
        minutes="%H:%M",
        hourmin="%H:%M",
        hours="%d %b %H:%M",
        days="%d %b",
        months="%b %Y",
        years="%Y",
    )


def _hover(plot: Plot, timeframe: Timeframe, rows: Sequence[tuple[str, str]], **options: Any) -> None:
    """Tell the values under the pointer."""
    when = "%F" if timeframe.is_daily else "%F %H:%M UTC"
    tooltips = [("", f"@time{{{when}}}"), *rows]
    plot.add_tools(HoverTool(tooltips=tooltips, formatters={"@time": "datetime"}, **options))


def _equity(source: ColumnDataSource, curves: Curves, times: Range1d, timeframe: Timeframe) -> Plot:
    log = is_wide(curves)
    plot = _plot(320, times, log=log)
    _axes(plot, "0.[00]a", log=log)
    plot.add_glyph(source, LineGlyph(x="time", y="benchmark", line_color=GREY, line_width=1.3))
    line = plot.add_glyph(source, LineGlyph(x="time", y="equity", line_color=BLUE, line_width=2, line_join="round"))
    rows = [("Equity", "@equity{0,0.00}"), ("Buy and hold", "@benchmark{0,0.00}"), ("Drawdown", "@drawdown{0.00%}")]
    _hover(plot, timeframe, rows, mode="vline", renderers=[line])
    return plot


def _drawdown(source: ColumnDataSource, curves: Curves, times: Range1d, timeframe: Timeframe) -> Plot:
    plot = _plot(170, times, high=0.0, low=None if float(curves.drawdown.min()) < -_NO_DRAWDOWN else -0.1)
    _axes(plot, "0.[0]%", ticks=4)
    plot.add_glyph(source, VArea(x="time", y1="drawdown", y2=0, fill_color=ORANGE, fill_alpha=0.22))
    line = plot.add_glyph(source, LineGlyph(x="time", y="drawdown", line_color=ORANGE, line_width=1.3))
    _hover(plot, timeframe, [("Drawdown", "@drawdown{0.00%}")], mode="vline", renderers=[line])
    return plot


def _exposure(source: ColumnDataSource, curves: Curves, times: Range1d, timeframe: Timeframe) -> Plot:
    low = 0.0 if float(curves.short.min()) >= 0.0 else None
    plot = _plot(150, times, low=low, high=1.0 if float(curves.long.max()) <= 1.0 else None)
    _axes(plot, "0%", ticks=3)
    plot.add_glyph(source, VAreaStep(x="time", y1="long", y2=0, step_mode="after", fill_color=BLUE, fill_alpha=0.38))
    plot.add_glyph(source, VAreaStep(x="time", y1="short", y2=0, step_mode="after", fill_color=ORANGE, fill_alpha=0.45))
    line = plot.add_glyph(source, LineGlyph(x="time", y="long", line_alpha=0.0))
    _hover(plot, timeframe, [("Long", "@long{0.0%}"), ("Short", "@short{0.0%}")], mode="vline", renderers=[line])
    return plot


def _price(prices: Prices, time: NDArray[np.int64], timeframe: Timeframe) -> Plot:
    """Return the price chart of the first symbol; the page puts another one's data into ``price``, ``buy`` and ``sell``."""
    record = prices.symbols[0]
    plot = _plot(340, _time_range(time), log=prices.wide)
    _axes(plot, "0,0.[0000]", log=prices.wide)
    size = 10 if max(len(each["buy"]["time"]) for each in prices.symbols) <= _FEW_MARKS else 6
    bars = ColumnDataSource(name="price", data=_timed({name: record[name] for name in prices.columns}))
    if prices.candles:
        body = timeframe.length / 1000.0 * 0.62
        plot.add_glyph(bars, Segment(x0="time", x1="time", y0="low", y1="high", line_color=GREY))
        drawn = VBar(x="time", width=body, top="open", bottom="close", line_color=GREY, fill_color=GREY, fill_alpha="hollow")
        rows = [(name.capitalize(), f"@{name}{{0,0.00[0000]}}") for name in ("open", "high", "low", "close")]
        _hover(plot, timeframe, rows, mode="mouse", renderers=[plot.add_glyph(bars, drawn)])
    else:
        line = plot.add_glyph(bars, LineGlyph(x="time", y="close", line_color=GREY, line_width=1.3))
        _hover(plot, timeframe, [("Close", "@close{0,0.00[0000]}")], mode="vline", renderers=[line])
    for side, marker, colour in (("buy", "triangle", BLUE), ("sell", "inverted_triangle", ORANGE)):
        marks = ColumnDataSource(name=side, data=_timed(record[side]))
        glyph = Scatter(x="time", y="level", marker=marker, size=size, fill_color=colour, line_color="#ffffff", line_width=0.8)
        rows = [
            (side.capitalize(), "@quantity{0,0.[00000000]} at @price{0,0.00[0000]}"),
            ("Fee", "@fee{0,0.00[00]}"),
            ("Reason", "@reason"),
        ]
        _hover(plot, timeframe, rows, renderers=[plot.add_glyph(marks, glyph)])
    return plot


def _timed(columns: Mapping[str, Any]) -> dict[str, Any]:
    """Return the columns of a record with their minutes since 1970 as milliseconds."""
    return {name: np.array(values, np.float64) * 60_000.0 if name == "time" else values for name, values in columns.items()}


def _returns(returns: Series) -> Plot:
    """Return a histogram of the trades' returns whose bins meet at zero: losses left of it, gains right."""
    edges = bins(returns)
    counts, _ = np.histogram(returns, edges)
    gains = edges[:-1] >= 0.0
    source = ColumnDataSource(
        {
            "left": edges[:-1],
            "right": edges[1:],
            "count": counts,
            "colour": [BLUE if gain else ORANGE for gain in gains],
        }
    )
    plot = _plot(220, _bounded(float(edges[0]), float(edges[-1])), low=0.0)
    below: Any = LinearAxis()
    below.formatter = NumeralTickFormatter(format="0.[00]%")
    _axes(plot, "0,0", below=below, ticks=4)
    bars = plot.add_glyph(
        source, Quad(left="left", right="right", bottom=0, top="count", fill_color="colour", fill_alpha=0.8, line_color=None)
    )
    tooltips = [("Return", "@left{0.0[0]%} to @right{0.0[0]%}"), ("Trades", "@count")]
    plot.add_tools(HoverTool(tooltips=tooltips, renderers=[bars]))
    return plot


_LEAST_RETURN: Final = 1e-6  # less is no gain and no loss to draw


def bins(returns: Series, most: int = 36) -> Series:
    """Return the edges of equal bins over ``returns``, one of them at 0: at most about ``most``, fewer where trades are few."""
    low, high = min(float(returns.min()), 0.0), max(float(returns.max()), 0.0)
    if high - low < _LEAST_RETURN:
        return np.array([-0.01, 0.0, 0.01])
    wanted = min(max(6, round(2.0 * len(returns) ** 0.5)), most)
    width = (high - low) / wanted
    edges: Series = width * np.arange(np.floor(low / width), np.ceil(high / width) + 1)
    return edges
