"""A share that changes its symbol stays one series."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from histories import market

from domain.errors import DataError
from domain.market import CorporateAction
from domain.symbol_changes import SymbolChange, concerning, joined_by_changes, renamed_actions, with_predecessors
from tasks.backtest import BacktestRequest, run_backtest
from tasks.market_data.files import read_symbol_changes

if TYPE_CHECKING:
    from pathlib import Path

TO_B, TO_C = SymbolChange("2021-03-03", "AAA", "BBB"), SymbolChange("2021-03-05", "BBB", "CCC")
FIRST = market("AAA", [10.0, 11.0])
SECOND = market("BBB", [12.0, 13.0], days=[2, 3])
THIRD = market("CCC", [14.0, 15.0], days=[4, 7])


def test_bars_of_a_chain_are_those_of_its_last_symbol() -> None:
    """Monday and Tuesday as AAA, Wednesday and Thursday as BBB, then CCC."""
    (joined,), names = joined_by_changes([FIRST, SECOND, THIRD], [TO_C, TO_B])
    assert (joined.symbol, joined.open.tolist()) == ("CCC", [10.0, 11.0, 12.0, 13.0, 14.0, 15.0])
    assert names == {"AAA": "CCC", "BBB": "CCC"}


def test_bars_of_either_symbol_on_the_wrong_side_of_the_date_are_left_out() -> None:
    """Another share may have had the symbol before, or have it now."""
    old, new = market("AAA", [10.0, 11.0, 99.0]), market("BBB", [1.0, 12.0], days=[0, 2])
    (joined,), _ = joined_by_changes([old, new], [TO_B])
    assert joined.open.tolist() == [10.0, 11.0, 12.0]


def test_a_symbol_whose_successor_has_no_bars_keeps_its_name() -> None:
    """There is nothing to go on with."""
    series, names = joined_by_changes([FIRST], [TO_B])
    assert ([bars.symbol for bars in series], names) == (["AAA"], {})


def test_a_symbol_without_bars_between_two_others_is_passed_over() -> None:
    """AAA was BBB for two days of which nothing is known, then CCC; a change that came before AAA's leads nowhere."""
    (joined,), names = joined_by_changes([FIRST, THIRD], [TO_B, TO_C])
    assert (joined.symbol, joined.open.tolist()) == ("CCC", [10.0, 11.0, 14.0, 15.0])
    assert names == {"AAA": "CCC", "BBB": "CCC"}
    before = SymbolChange("2021-03-01", "BBB", "CCC")
    assert [bars.symbol for bars in joined_by_changes([FIRST, THIRD], [TO_B, before])[0]] == ["AAA", "CCC"]


def test_bars_end_under_the_wanted_symbol_where_that_has_none_yet() -> None:
    """A run up to Tuesday of what is BBB from Wednesday on; bars of another share alone are none."""
    (joined,), names = joined_by_changes([FIRST], [TO_B], ["BBB"])
    assert (joined.symbol, joined.open.tolist(), names) == ("BBB", [10.0, 11.0], {"AAA": "BBB"})
    assert joined_by_changes([market("AAA", [1.0], days=[4])], [TO_B], ["BBB"])[0] == []


def test_changes_of_a_share_are_all_that_it_ever_had() -> None:
    """From any of its symbols, and no other's."""
    other = SymbolChange("2021-03-04", "XXX", "YYY")
    assert concerning(["BBB"], [TO_B, other, TO_C]) == [TO_B, TO_C]
    assert concerning(["AAA"], [TO_B, other, TO_C]) == [TO_B, TO_C]
    assert concerning(["ZZZ"], [TO_B, other, TO_C]) == []


def test_predecessors_are_read_and_actions_renamed() -> None:
    """Who asks for the last symbol gets the bars and the splits of those before."""
    assert with_predecessors(["CCC"], [TO_B, TO_C]) == {"AAA", "BBB", "CCC"}
    split = CorporateAction("AAA", "2021-03-02", "split", 2.0)
    assert renamed_actions([split], {"AAA": "CCC"}, [TO_B, TO_C])[0].symbol == "CCC"


def test_actions_after_a_change_are_those_of_another_share() -> None:
    """AAA is BBB from the 3rd on: its split of that day counts, one of the 4th is of who has the symbol then; BBB's all count."""
    days = [("AAA", 2), ("AAA", 3), ("AAA", 4), ("BBB", 2), ("BBB", 4)]
    splits = [CorporateAction(symbol, f"2021-03-0{day}", "split", 2.0) for symbol, day in days]
    renamed = renamed_actions(splits, {"AAA": "CCC", "BBB": "CCC"}, [TO_B, TO_C])
    assert [(split.symbol, split.ex_date[-1]) for split in renamed] == [("CCC", "2"), ("CCC", "3"), ("CCC", "2"), ("CCC", "4")]
    assert renamed_actions(splits, {}, [TO_B]) == tuple(splits)
    assert renamed_actions(splits, {"AAA": "AAA"}, [TO_B]) == tuple(splits)


def test_a_position_is_held_through_a_change_of_symbol(tmp_path: Path) -> None:
    """Bought at 11 as AAA on the second day, worth 15 as CCC on the last; the result says so."""
    lines = [f"{symbol},2021-03-0{day},{price},{price},{price},{price},1000000" for symbol, day, price in PRICES]
    bars, actions = tmp_path / "bars.csv", tmp_path / "actions.csv"
    bars.write_text("\n".join(["symbol,time,open,high,low,close,volume", *lines]) + "\n")
    actions.write_text("symbol,ex_date,action,value\nAAA,2021-03-03,symbol_change,BBB\nBBB,2021-03-05,symbol_change,CCC\n")
    request = BacktestRequest(("buy_and_hold",), symbols=("CCC",), bars=bars, actions=actions, commission_bps=0.0, timeframe="1d")
    result = run_backtest(request)
    (fill,) = result.fills
    assert (fill["symbol"], fill["price"]) == ("CCC", 11.0)
    assert result.document["final_equity"] == pytest.approx(100_000.0 + fill["quantity"] * 3.0)
    assert "bars and actions of AAA until it changed its symbol are those of CCC" in result.document["warnings"]


PRICES = [("AAA", 1, 10.0), ("AAA", 2, 11.0), ("BBB", 3, 12.0), ("BBB", 4, 13.0), ("CCC", 5, 14.0)]


@pytest.mark.parametrize(
    "rows",
    [
        "AAA,2021-02-30,symbol_change,BBB",
        "AAA,2021-03-03,symbol_change,B B",
        "AAA,2021-03-03,symbol_change,BBB\nAAA,2021-03-04,symbol_change,CCC",
        "AAA,2021-03-03,symbol_change,BBB\nBBB,2021-03-04,symbol_change,CCC\nCCC,2021-03-05,symbol_change,BBB",
        "AAA,2021-03-03,symbol_change,AAA",
    ],
)
def test_a_change_that_cannot_be_is_refused(tmp_path: Path, rows: str) -> None:
    """No such day, no such symbol, two successors, or a way back."""
    path = tmp_path / "actions.csv"
    path.write_text(f"symbol,ex_date,action,value\n{rows}\n")
    with pytest.raises(DataError):
        read_symbol_changes(path)
