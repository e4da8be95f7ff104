"""A back-test as a whole: what goes in, what comes out, and what is refused."""

from __future__ import annotations

import gc
import hashlib
import json
import math
import struct
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from histories import HOURLY, TESTS, OrderScript, Scripted, history, market, run_spec

from domain import timeline
from domain.engine import Engine
from domain.errors import DataError, InputError, TradingError
from domain.market import TIMEFRAMES, Bars, Instrument
from domain.rules.sizing import Sizing, SizingRule
from domain.sessions import expected_bars
from domain.targets import ComputedTargets
from domain.timeline import History
from tasks import backtest, registry
from tasks.backtest import BacktestRequest, run_backtest, run_events
from tasks.backtest_holes import data_holes, hole_warnings
from tasks.brokers.paper import PaperBroker
from tasks.history import between
from tasks.market_data.files import read_file

if TYPE_CHECKING:
    from pathlib import Path

    from domain.strategy import Strategy

BARS = TESTS / "data/equity_1d.parquet"
CONSENSUS = TESTS / "data/consensus_1d.parquet"
CRYPTO = TESTS / "data/crypto_1h.parquet"
FOUND = [name for name, entry in registry.found().items() if entry.cls]
FIELDS = {
    "strategy": str,
    "parameters": dict,
    "symbols": list,
    "timeframe": str,
    "start": str,
    "end": str,
    "bars": int,
    "fills": int,
    "trades": int,
    "ambiguous_bars": int,
    "engine": str,
    "dataset_id": str,
    "ledger_sha256": str,
    "equity_sha256": str,
    "initial_cash": float,
    "final_equity": float,
    "limits": dict,
    "warnings": list,
    "metrics": dict,
    "drawdown": dict,
    "benchmark": dict,
}
METRICS = [
    "total_return",
    "annual_return",
    "annual_volatility",
    "sharpe",
    "sortino",
    "calmar",
    "max_drawdown",
    "var_95",
    "cvar_95",
    "win_rate",
    "profit_factor",
    "exposure",
    "turnover",
    "fees",
]

SPY = BacktestRequest(("moving_average_crossover",), {"fast": 10, "slow": 40}, ("SPY",), bars=BARS)


def document(request: BacktestRequest, **changes: Any) -> dict[str, Any]:
    """Return the document of a back-test."""
    return run_backtest(replace(request, **changes)).document


def microseconds(text: str) -> int:
    """Return an ISO time as UTC microseconds."""
    return int((datetime.fromisoformat(text) - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds()) * 1_000_000


# The document


@pytest.mark.parametrize("strategy", FOUND)
def test_document_has_the_fields_of_the_contract_with_their_types(strategy: str) -> None:
    """Every field by name, every metric a number or null, all of it plain JSON."""
    made = document(BacktestRequest((strategy,), symbols=("SPY",), bars=BARS))
    assert {name: type(made[name]) for name in FIELDS} == FIELDS
    assert list(made["metrics"]) == METRICS
    assert all(value is None or type(value) is float for value in made["metrics"].values())
    assert json.loads(json.dumps(made, allow_nan=False)) == made


def test_document_says_what_was_run() -> None:
    """Names, parameters with their defaults, first and last bar used, counts."""
    result = run_backtest(SPY)
    made = result.document
    assert (made["strategy"], made["symbols"], made["timeframe"], made["engine"]) == (
        "moving_average_crossover",
        ["SPY"],
        "1d",
        "kernel",
    )
    assert made["parameters"] == {"fast": 10, "slow": 40, "average": "sma", "short": False}
    assert (made["start"], made["end"]) == ("2005-01-03T05:00:00+00:00", "2014-12-31T05:00:00+00:00")
    assert (made["bars"], made["fills"], made["trades"]) == (2517, len(result.fills), len(result.trades))
    assert (made["initial_cash"], made["final_equity"]) == (100_000.0, result.equity[-1]["equity"])
    assert made["metrics"]["total_return"] == made["final_equity"] / 100_000.0 - 1.0
    assert made["metrics"]["fees"] == pytest.approx(sum(fill["fee"] for fill in result.fills), abs=1e-9)
    assert made["limits"] == {"on": False}


def test_holes_of_the_bars_are_in_the_document_and_long_ones_a_warning(tmp_path: Path) -> None:
    """SPY without a week and a day of 2008, IWM whole: bars missing, the longest hole by its first and last, and one warning."""
    table = pq.read_table(BARS, filters=[("symbol", "in", ["IWM", "SPY"])])
    gone = [date(2008, 3, day) for day in (3, 4, 5, 6, 7, 10)] + [date(2008, 7, 7)]
    days = [time.as_py().date() for time in table["time"]]
    kept = [symbol.as_py() == "IWM" or day not in gone for symbol, day in zip(table["symbol"], days, strict=True)]
    pq.write_table(table.filter(kept), tmp_path / "holed.parquet")
    made = document(BacktestRequest(("buy_and_hold",), symbols=("IWM", "SPY"), bars=tmp_path / "holed.parquet"))
    assert made["assumptions"]["data_holes"] == {
        "IWM": {"missing": 0, "longest": None},
        "SPY": {"missing": 7, "longest": {"first": "2008-03-03T05:00:00Z", "last": "2008-03-10T04:00:00Z", "bars": 6}},
    }
    (warning,) = (warning for warning in made["warnings"] if "split" not in warning and "look wrong" not in warning)
    assert warning.startswith("SPY misses 7 bars inside sessions (0.28%), 6 of them from 2008-03-03T05:00:00Z")


@pytest.mark.parametrize(("gone", "told"), [(range(100, 105), 0), (range(100, 106), 1), (range(100, 160, 2), 1)])
def test_holes_are_a_warning_above_a_share_or_a_length(gone: range, told: int) -> None:
    """Five bars of 2000 in a row are borne, six are not, nor is more than one in a hundred."""
    times = expected_bars(18_000, 18_500, HOURLY, "XNYS")[:2000]
    there = np.delete(times, list(gone))
    price = np.ones(len(there))
    past = History((Instrument.of("AAA"),), (Bars("AAA", HOURLY, there, price, price, price, price, price),), HOURLY, ())
    holes = data_holes(past)
    assert holes["AAA"]["missing"] == len(gone)
    assert len(hole_warnings(holes, past)) == told


def test_a_million_minutes_without_a_hole_have_none() -> None:
    """Nights, weekends and holidays are no holes."""
    minutes = TIMEFRAMES["1m"]
    times = expected_bars(14_000, 18_000, minutes, "XNYS")[:1_000_000]
    price = np.ones(len(times))
    past = History((Instrument.of("AAA"),), (Bars("AAA", minutes, times, price, price, price, price, price),), minutes, ())
    assert data_holes(past)["AAA"] == {"missing": 0, "longest": None}


def test_more_bars_than_allowed_are_refused_with_their_number() -> None:
    """A century of minutes is not begun; one bar fewer is."""
    with pytest.raises(
        InputError, match=r"2,517 bars are too many for one back-test, 2,516 are allowed: name fewer with --symbols"
    ):
        run_backtest(SPY, most_bars=2516)
    assert run_backtest(SPY, most_bars=2517).document["bars"] == 2517


def test_undefined_measures_are_null() -> None:
    """Buy and hold closes no trade: no win rate, no profit factor."""
    made = document(BacktestRequest(("buy_and_hold",), symbols=("SPY",), bars=BARS))
    assert (made["trades"], made["metrics"]["win_rate"], made["metrics"]["profit_factor"]) == (0, None, None)


def test_the_usual_costs_are_five_basis_points_and_no_slippage() -> None:
    """Each fee is 0.05 % of its notional to 4 decimals; every price is an open of the file."""
    table = pq.read_table(BARS, filters=[("symbol", "=", "SPY")])
    opens = dict(zip([int(time.value // 1_000) for time in table["time"].to_pandas()], table["open"].to_pylist(), strict=True))
    for fill in run_backtest(SPY).fills:
        assert fill["price"] == opens[microseconds(fill["time"])]
        assert fill["fee"] == pytest.approx(fill["quantity"] * fill["price"] * 0.0005, abs=0.500001e-4)


def test_rows_have_the_columns_of_the_contract() -> None:
    """fills.csv, trades.csv and equity.csv."""
    result = run_backtest(SPY)
    assert list(result.fills[0]) == ["time", "symbol", "side", "quantity", "price", "fee", "reason"]
    trade_columns = "symbol side quantity entry_time entry_price exit_time exit_price fees pnl return reason"
    assert list(result.trades[0]) == trade_columns.split()
    assert list(result.equity[0]) == ["time", "equity", "cash"]
    assert len(result.equity) == result.document["bars"]


# One result


def test_cash_that_buys_more_lots_than_are_counted_is_refused(tmp_path: Path) -> None:
    """A coin at two millionths: 1,000,000 buy 5e11 of them, 5e19 lots, which no count of 64 bits holds."""
    path = tmp_path / "coin_1d.csv"
    rows = [f"2021-03-0{day}T00:00:00Z,PEPE-USD,2e-6,2e-6,2e-6,2e-6,1e15" for day in range(1, 6)]
    path.write_text("\n".join(["time,symbol,open,high,low,close,volume", *rows]) + "\n")
    request = BacktestRequest(("buy_and_hold",), bars=path, asset_class="crypto", cash=1_000_000.0)
    with pytest.raises(
        InputError, match=r"1e\+06 of cash buy 5e\+11 PEPE-USD at its lowest price 2e-06, at most .* are counted: use --cash"
    ):
        run_backtest(request)
    (fill,) = run_backtest(replace(request, cash=1_000.0)).fills
    assert fill["quantity"] == pytest.approx(0.95 * 1_000.0 / 2e-6, rel=1e-2)


@pytest.mark.parametrize("limits", [False, True], ids=["free", "limits"])
@pytest.mark.parametrize("strategy", FOUND)
def test_both_engines_give_the_same_document(strategy: str, *, limits: bool) -> None:
    """Everything but the engine's name, for three symbols in one account."""
    request = BacktestRequest((strategy,), bars=BARS, limits=limits, commission_bps=3.0, slippage_bps=2.0)
    kernel, event = run_backtest(request), run_backtest(replace(request, engine="event"))
    assert event.document == {**kernel.document, "engine": "event"}
    assert (kernel.fills, kernel.trades, kernel.equity) == (event.fills, event.trades, event.equity)


def test_the_same_request_gives_the_same_result() -> None:
    """Twice, to the last bit."""
    assert run_backtest(SPY) == run_backtest(SPY)


def test_the_environment_does_not_change_the_result(monkeypatch: pytest.MonkeyPatch) -> None:
    """No PI5__ variable is read, with limits on neither."""
    before = document(SPY, limits=True)
    for name, value in {
        "PI5__RISK_MANAGEMENT__MAX_POSITION_SIZE": "0.01",
        "PI5__RISK_MANAGEMENT__DAILY_LOSS_LIMIT": "0.0001",
        "PI5__COSTS__COMMISSION_BPS": "99",
        "PI5__SESSION__INITIAL_CASH": "5",
        "PI5__NONSENSE": "1",
    }.items():
        monkeypatch.setenv(name, value)
    assert document(SPY, limits=True) == before


def test_another_symbol_order_is_the_same_request() -> None:
    """Symbols are walked in code-point order."""
    one = document(SPY, symbols=("SPY", "AAPL"))
    assert document(SPY, symbols=("AAPL", "SPY")) == one
    assert one["symbols"] == ["AAPL", "SPY"]


# Fingerprints, built again from the contract's words


def test_hashes_are_those_of_the_rows() -> None:
    """Ledger and equity hash rebuilt from what fills.csv and equity.csv hold."""
    result = run_backtest(SPY)
    ledger, equity = hashlib.sha256(), hashlib.sha256()
    for row in result.fills:
        numbers = ",".join(float(row[name]).hex() for name in ("quantity", "price", "fee"))
        ledger.update(f"{microseconds(row['time'])},{row['symbol']},{row['side']},{numbers},{row['reason']}\n".encode())
    for row in result.equity:
        equity.update(f"{microseconds(row['time'])},{row['equity'].hex()},{row['cash'].hex()}\n".encode())
    assert (ledger.hexdigest(), equity.hexdigest()) == (result.document["ledger_sha256"], result.document["equity_sha256"])


def test_dataset_id_is_that_of_the_file() -> None:
    """Rebuilt from the Parquet file alone: two symbols, then the split used."""
    digest = hashlib.sha256()
    for symbol in ("AAPL", "SPY"):
        table = pq.read_table(BARS, filters=[("symbol", "=", symbol)]).sort_by("time")
        digest.update(symbol.encode() + b"\n")
        digest.update(b"".join(struct.pack("<q", value) for value in table["time"].cast("int64").to_pylist()))
        for name in ("open", "high", "low", "close", "volume"):
            digest.update(b"".join(struct.pack("<d", value) for value in table[name].to_pylist()))
    assert document(SPY, symbols=("SPY", "AAPL"))["dataset_id"] == digest.hexdigest()


def test_declared_actions_are_part_of_the_dataset(tmp_path: Path) -> None:
    """The same bars with and without a split are two datasets."""
    assert document(apple(), actions=splits(tmp_path))["dataset_id"] != document(apple())["dataset_id"]


# Dates


def test_start_and_end_are_included_by_session_date() -> None:
    """From Monday 2008-03-03 to Friday 2008-03-07 are five bars."""
    made = document(SPY, start="2008-03-03", end="2008-03-07")
    assert made["bars"] == 5
    assert (made["start"][:10], made["end"][:10]) == ("2008-03-03", "2008-03-07")


def test_stored_bars_are_cut_by_the_same_dates() -> None:
    """What comes from the database is cut by session date too, both ends included."""
    (spy,) = read_file(BARS, ["SPY"])
    cut = between(spy, Instrument.of("SPY"), (date(2008, 3, 3), date(2008, 3, 7)))
    assert len(cut) == 5
    assert len(between(spy, Instrument.of("SPY"), (None, None))) == len(spy)


def test_dates_without_a_session_take_those_between() -> None:
    """Saturday to the next Sunday: the five sessions of the week."""
    assert document(SPY, start="2008-03-01", end="2008-03-09")["bars"] == 5


def test_an_hourly_crypto_day_is_its_utc_day() -> None:
    """24 bars from 00:00 to 23:00."""
    request = BacktestRequest(("buy_and_hold",), bars=CRYPTO, asset_class="crypto", start="2017-08-05", end="2017-08-05")
    made = document(request)
    assert (made["bars"], made["start"], made["end"]) == (24, "2017-08-05T00:00:00+00:00", "2017-08-05T23:00:00+00:00")


def test_only_bars_from_the_start_are_seen() -> None:
    """Momentum over 20 needs 21 closes of the run: bought at the open of bar 21 at the earliest."""
    result = run_backtest(
        BacktestRequest(("momentum_trend",), {"period": 20}, ("SPY",), bars=BARS, start="2009-03-10", end="2009-12-31")
    )
    assert [row["time"] for row in result.equity].index(result.fills[0]["time"]) >= 21


# Splits


def apple(**changes: Any) -> BacktestRequest:
    """Return a back-test of AAPL over its split of 2014-06-09."""
    return replace(
        BacktestRequest(("buy_and_hold",), symbols=("AAPL",), bars=BARS, start="2014-01-02", end="2014-12-31"), **changes
    )


def splits(folder: Path) -> Path:
    """Write the split as a file of corporate actions."""
    path = folder / "actions.csv"
    path.write_text("symbol,ex_date,action,value\nAAPL,2014-06-09,split,7\n")
    return path


def test_bars_that_look_like_a_split_are_a_warning() -> None:
    """Symbol and date are named; the book halves and halves again without the action, as raw bars do."""
    made = document(apple())
    assert any("AAPL" in warning and "2014-06-09" in warning for warning in made["warnings"])
    assert made["metrics"]["total_return"] < -0.75


def test_a_declared_split_is_applied_and_no_warning(tmp_path: Path) -> None:
    """Bought before it, sevenfold after it: AAPL gained about 40 % in 2014."""
    made = document(apple(), actions=splits(tmp_path))
    assert made["warnings"] == []
    assert 0.3 < made["metrics"]["total_return"] < 0.5


def test_quiet_bars_make_no_warning_but_of_a_bad_tick() -> None:
    """SPY never split; 2008 with its jumps is no split either. One low among its bars is no price, and is told."""
    (warning,) = document(SPY)["warnings"]
    assert "look wrong and are used as they are: drop 1;" in warning


def test_shared_raw_bars_warn_of_every_real_split(shared: Path) -> None:
    """IBM 1999-05-27 and AAPL's splits of 2000, 2005, 2014 and 2020, each by its date."""
    for symbol, dates in {"IBM": ["1999-05-27"], "AAPL": ["2000-06-21", "2005-02-28", "2014-06-09", "2020-08-31"]}.items():
        made = document(BacktestRequest(("buy_and_hold",), symbols=(symbol,), bars=shared / "data/equity_1d.parquet"))
        (warning,) = (warning for warning in made["warnings"] if "look wrong" not in warning)
        assert all(date in warning for date in dates)


# Limits


def test_limits_print_their_bounds() -> None:
    """Those of the shipped configuration."""
    limits = document(SPY, limits=True)["limits"]
    bounds = {"max_position_size": 0.3, "max_gross_exposure": 1.0, "daily_loss_limit": 0.03, "max_drawdown": 0.25}
    assert {name: value for name, value in limits.items() if value is not None and name != "cluster_correlation"} == {
        "on": True,
        **bounds,
    }
    assert limits["max_value_at_risk"] is None


def test_limits_bound_every_position() -> None:
    """With limits on no entry of SPY is larger than 30 % of the equity at the close before; without, they are 95 %."""
    free, bound = run_backtest(SPY), run_backtest(replace(SPY, limits=True))
    assert max(fill["quantity"] * fill["price"] for fill in free.fills) > 80_000
    assert max(fill["quantity"] * fill["price"] for fill in bound.fills if fill["side"] == "buy") < 45_000


def test_a_stood_drawdown_is_a_warning() -> None:
    """AAPL's split undeclared takes six sevenths of 30 % of the account, over 25 % from its peak."""
    made = document(apple(symbols=("AAPL", "SPY"), limits=True))
    assert [warning for warning in made["warnings"] if "drawdown limit of 25.0%" in warning]
    assert not [warning for warning in document(apple(symbols=("AAPL", "SPY")))["warnings"] if "drawdown" in warning]


# What is refused


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"strategies": ("momentum_trnd",), "parameters": {}}, "did you mean 'momentum_trend'"),
        ({"strategies": (), "parameters": {}}, "name a strategy"),
        ({"parameters": {"fats": 3}}, "did you mean 'fast'"),
        ({"parameters": {"fast": 40, "slow": 10}}, "fast must be below slow"),
        ({"start": "2010-01-02", "end": "2010-01-01"}, "start 2010-01-02 lies after end 2010-01-01"),
        ({"start": "2010-13-01"}, "--start '2010-13-01' is no date"),
        ({"end": "yesterday"}, "--end 'yesterday' is no date"),
        ({"cash": 0.0}, "--cash 0.0 is not allowed"),
        ({"cash": -1.0}, "--cash -1.0 is not allowed"),
        ({"cash": math.nan}, "--cash nan is not allowed"),
        ({"cash": math.inf}, "--cash inf is not allowed"),
        ({"commission_bps": -1.0}, "--commission-bps -1.0 is not allowed"),
        ({"slippage_bps": math.nan}, "--slippage-bps nan is not allowed"),
        ({"volume_limit": 1.5}, "--volume-limit 1.5 is not allowed"),
        ({"sizing": "fixed_frction:0.5"}, "did you mean 'fixed_fraction'"),
        ({"timeframe": "1x"}, "timeframe '1x' is unknown"),
        ({"timeframe": "1h"}, "cannot be finer"),
        ({"asset_class": "stocks"}, "--asset-class 'stocks' is unknown"),
        ({"symbols": ("S P Y",)}, "is not valid"),
        ({"bars": None}, "there are no bars"),
    ],
)
def test_arguments_that_cannot_be_are_refused_before_anything_runs(changes: dict[str, Any], message: str) -> None:
    """An input error that names the argument, whichever engine."""
    for engine in ("kernel", "event"):
        with pytest.raises(InputError) as refused:
            run_backtest(replace(SPY, engine=engine, **changes))
        assert message in str(refused.value)


@pytest.mark.parametrize("changes", [{"symbols": ("NONE",)}, {"symbols": ("SPY", "NONE")}, {"start": "2030-01-01"}])
def test_what_has_no_bars_is_refused(changes: dict[str, Any]) -> None:
    """An unknown symbol, alone or beside a known one, and a span after the last bar."""
    with pytest.raises(TradingError) as refused:
        run_backtest(replace(SPY, **changes))
    assert "NONE" in str(refused.value) or "2030" in str(refused.value)


def test_a_symbol_without_bars_in_the_span_is_refused_by_name() -> None:
    """IWM ends in 2005 here: a run of 2010 cannot have it."""
    with pytest.raises(TradingError, match="IWM"):
        run_backtest(replace(SPY, symbols=("IWM", "SPY"), start="2010-01-01"))


def test_a_missing_file_is_a_data_error(tmp_path: Path) -> None:
    """The path is named."""
    with pytest.raises((DataError, InputError), match="absent"):
        run_backtest(replace(SPY, bars=tmp_path / "absent.parquet"))


def test_progress_of_the_event_engine_rises_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """3,000 closings, at most 1,000 of them passed over at once: told after the first, then a thousand later each time."""
    monkeypatch.setattr(backtest, "_BATCH", 1_000)
    monkeypatch.setattr(timeline, "_CHUNK", 1_000)
    told: list[float] = []
    run_backtest(BacktestRequest(("buy_and_hold",), bars=CRYPTO, asset_class="crypto", engine="event"), progress=told.append)
    assert told == pytest.approx([1_001 / 3_000, 2_001 / 3_000, 1.0])


@pytest.mark.parametrize("collects", [True, False])
@pytest.mark.parametrize(("strategy", "paused"), [(Scripted("1"), True), (OrderScript({}), False)])
def test_a_run_leaves_the_garbage_collector_as_it_found_it(
    monkeypatch: pytest.MonkeyPatch,
    strategy: Strategy,
    paused: bool,  # noqa: FBT001 - a parameter of the test
    collects: bool,  # noqa: FBT001
) -> None:
    """It is off while events alone run, not while a strategy is asked bar by bar, and as it was when a run is broken off."""
    monkeypatch.setattr(backtest, "_BATCH", 1)
    during: list[bool] = []

    def broken_off(_: float) -> None:
        during.append(gc.isenabled())
        raise KeyboardInterrupt

    past = history(market("AAA", [10.0, 11.0, 12.0]))
    spec = run_spec(past, {"AAA": strategy}, Sizing(SizingRule.FIXED_FRACTION.value, 0.5))
    (gc.enable if collects else gc.disable)()
    try:
        with pytest.raises(KeyboardInterrupt):
            run_events(spec, past, broken_off)
        assert (during, gc.isenabled()) == ([collects and not paused], collects)
    finally:
        gc.enable()


def test_the_last_of_two_runs_turns_the_collector_on_again() -> None:
    """The second begins while the first has it off, and ends after it."""
    first, second = backtest._CollectorPaused(), backtest._CollectorPaused()
    first.__enter__()
    second.__enter__()
    first.__exit__()
    assert not gc.isenabled()
    second.__exit__()
    assert gc.isenabled()


def test_a_run_of_events_is_given_up_whole_without_the_collector() -> None:
    """Nothing of it refers to itself in a circle: arrays of a million bars are not kept until somebody looks for circles."""

    def alive() -> int:
        kinds = [type(one) for one in gc.get_objects()]  # isinstance would ask weak references to what is gone
        return sum(kind is Engine or kind is PaperBroker or kind is ComputedTargets for kind in kinds)

    gc.collect()
    gc.disable()
    try:
        before = alive()
        run_backtest(BacktestRequest(("buy_and_hold",), bars=CRYPTO, asset_class="crypto", engine="event"))
        assert alive() == before
    finally:
        gc.enable()


def test_a_file_in_local_times_gives_what_it_gives_in_utc(tmp_path: Path) -> None:
    """Fifty hours of crypto, New York four hours behind UTC in June; without a file a zone means nothing and is refused."""
    rows = [
        (f"2018-06-{1 + n // 24:02d}T{n % 24:02d}:00:00", f"BTC-USD,{100 + n},{102 + n},{99 + n},{101 + n},1000") for n in range(50)
    ]
    utc, local = tmp_path / "utc.csv", tmp_path / "local.csv"
    header = "time,symbol,open,high,low,close,volume\n"
    utc.write_text(header + "".join(f"{time}Z,{row}\n" for time, row in rows))
    hours = [(datetime.fromisoformat(time) - timedelta(hours=4)).isoformat() for time, _ in rows]
    local.write_text(header + "".join(f"{time},{row}\n" for time, (_, row) in zip(hours, rows, strict=True)))
    request = BacktestRequest(("buy_and_hold",), bars=utc, asset_class="crypto")
    expected, found = document(request), document(request, bars=local, zone="America/New_York")
    assert found["dataset_id"] == expected["dataset_id"]
    assert found["ledger_sha256"] == expected["ledger_sha256"]
    with pytest.raises(InputError, match="--zone goes with --bars"):
        run_backtest(BacktestRequest(("buy_and_hold",), symbols=("SPY",), zone="America/New_York"))
