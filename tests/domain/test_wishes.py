"""Orders of a strategy's own: which are refused, and by which words."""

from collections.abc import Sequence
from dataclasses import replace
from math import inf, nan
from typing import Any

import numpy as np
import pytest
from histories import market

from domain.errors import DataError
from domain.market import Side
from domain.rules.fills import OrderType, TimeInForce
from domain.strategy import Cancel, Strategy, View, Wish
from domain.wishes import checked_wishes

STOP = Wish(Side.SELL, 1.0, OrderType.STOP, stop=9.0)
LIMIT = Wish(Side.SELL, 1.0, OrderType.LIMIT, limit=11.0)
VIEW = View(market("AAA", [10.0, 11.0]), 1.0, 0.0, 0.0)


@pytest.mark.parametrize(
    "wish",
    [
        Wish(Side.BUY, 0.5),
        LIMIT,
        STOP,
        Wish(Side.BUY, 1.0, OrderType.STOP_LIMIT, 12.0, 11.0),
        Wish(Side.SELL, 1.0, OrderType.TRAILING_STOP, trail=0.1),
        Wish(Side.SELL, 1.0, OrderType.MARKET_ON_CLOSE),
        replace(LIMIT, force=TimeInForce.FOK),
        Wish(Side.BUY, 1.0, force=TimeInForce.IOC, children=(replace(STOP, group=1), replace(LIMIT, group=1))),
    ],
)
def test_whole_orders_pass(wish: Wish) -> None:
    """Each type with what belongs to it; a bracket."""
    wish.check("someone")


@pytest.mark.parametrize(
    ("wish", "message"),
    [
        (Wish(Side.BUY, 0.0), "asked for market buy 0.0: a quantity is a number above 0"),
        (Wish(Side.BUY, -1.0), "a quantity is a number above 0"),
        (Wish(Side.BUY, nan), "a quantity is a number above 0"),
        (Wish(Side.BUY, inf), "a quantity is a number above 0"),
        (Wish(Side.BUY, 1.0, OrderType.LIMIT), "limit buy 1.0 with limit None: a number above 0 belongs there"),
        (Wish(Side.BUY, 1.0, OrderType.LIMIT, 0.0), "with limit 0.0: a number above 0 belongs there"),
        (Wish(Side.BUY, 1.0, OrderType.LIMIT, nan), "with limit nan: a number above 0 belongs there"),
        (Wish(Side.BUY, 1.0, OrderType.LIMIT, 9.0, 8.0), "with stop 8.0: none belongs there"),
        (Wish(Side.BUY, 1.0, limit=9.0), "with limit 9.0: none belongs there"),
        (Wish(Side.SELL, 1.0, OrderType.STOP), "stop sell 1.0 with stop None: a number above 0 belongs there"),
        (Wish(Side.SELL, 1.0, OrderType.STOP, stop=-2.0), "with stop -2.0: a number above 0 belongs there"),
        (Wish(Side.SELL, 1.0, OrderType.STOP_LIMIT, stop=9.0), "with limit None: a number above 0 belongs there"),
        (Wish(Side.SELL, 1.0, OrderType.TRAILING_STOP), "with trail None: a number above 0 belongs there"),
        (Wish(Side.SELL, 1.0, OrderType.TRAILING_STOP, stop=9.0, trail=0.1), "with stop 9.0: none belongs there"),
        (Wish(Side.SELL, 1.0, OrderType.TRAILING_STOP, trail=1.0), "with trail 1.0: a fraction below 1 belongs there"),
        (Wish(Side.SELL, 1.0, trail=0.1), "with trail 0.1: none belongs there"),
        (replace(STOP, force=TimeInForce.IOC), "as ioc: that is for market and limit orders"),
        (Wish(Side.SELL, 1.0, OrderType.MARKET_ON_CLOSE, force=TimeInForce.FOK), "as fok: that is for market and limit orders"),
        (Wish(Side.BUY, 1.0, children=(Wish(Side.SELL, 1.0),)), "with a child of type market: children are limits and stops"),
        (
            Wish(Side.BUY, 1.0, children=(Wish(Side.SELL, 1.0, OrderType.MARKET_ON_CLOSE),)),
            "with a child of type market_on_close: children are limits and stops",
        ),
        (Wish(Side.BUY, 1.0, children=(replace(LIMIT, force=TimeInForce.IOC),)), "with a child of type limit"),
        (Wish(Side.BUY, 1.0, children=(replace(STOP, children=(LIMIT,)),)), "with a child of type stop: .* without children"),
        (Wish(Side.BUY, 1.0, children=(replace(STOP, stop=None),)), "asked for stop sell 1.0 with stop None"),
    ],
)
def test_what_cannot_be_placed_is_refused_by_name(wish: Wish, message: str) -> None:
    """The message says who asked, for what, and what belongs there."""
    with pytest.raises(DataError, match=f"^someone asked for .*{message.removeprefix('asked for ')}"):
        wish.check("someone")


class Asking(Strategy):
    """Asks for what it was made with."""

    def __init__(self, answer: Any) -> None:
        object.__setattr__(self, "answer", answer)

    def on_bars(self, view: View) -> Sequence[Wish | Cancel]:
        """Return the answer, or raise it."""
        del view
        if isinstance(self.answer, BaseException):
            raise self.answer
        return self.answer


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"side": "buy"}, "an order with side 'buy': Side.BUY or Side.SELL belongs there"),
        ({"side": 1}, "with side 1: Side.BUY"),
        ({"type": "limit"}, "with type 'limit': a member of OrderType"),
        ({"force": 0}, "with force 0: a member of TimeInForce"),
        ({"quantity": "a"}, "with quantity 'a': a number"),
        ({"quantity": None}, "with quantity None: a number"),
        ({"stop": "9"}, "with stop '9': a number or None"),
        ({"group": 1.5}, "with group 1.5: a whole number"),
        ({"children": [STOP]}, "with children .*: a tuple of Wish"),
        ({"children": ("stop",)}, "with children .*: a tuple of Wish"),
        ({"children": (replace(STOP, side=1),)}, "with side 1: Side.BUY"),
        ({"children": (replace(STOP, type="stop"),)}, "with type 'stop': a member of OrderType"),
        ({"side": Side.SELL, "children": (STOP,)}, "a child that sells too: a child leaves what its parent entered"),
    ],
)
def test_fields_of_another_kind_are_refused_by_name(changes: dict[str, Any], message: str) -> None:
    """Whoever writes a strategy reads which field it is and what belongs there."""
    with pytest.raises(DataError, match=message):
        replace(Wish(Side.BUY, 1.0), **changes).check("someone")


def test_numbers_of_numpy_are_numbers() -> None:
    """What a strategy computes from columns."""
    Wish(Side.BUY, np.float64(2.0), OrderType.LIMIT, np.float64(9.0), group=np.int64(1)).check("someone")  # type: ignore[arg-type]


def test_a_strategy_that_leaves_the_program_is_named() -> None:
    """Its exit is none of ours."""
    with pytest.raises(DataError, match="strategy test_wishes on AAA failed: SystemExit: 0"):
        checked_wishes(Asking(SystemExit(0)), VIEW)


def test_answers_of_a_strategy_are_passed_on_in_order() -> None:
    """Orders and withdrawals."""
    assert checked_wishes(Asking((LIMIT, Cancel(3), STOP)), VIEW) == [LIMIT, Cancel(3), STOP]
    assert checked_wishes(Asking(()), VIEW) == []


def test_an_unusable_order_names_strategy_and_symbol() -> None:
    """The whole answer is dropped."""
    with pytest.raises(DataError, match=r"^strategy test_wishes on AAA asked for market buy 0.0"):
        checked_wishes(Asking((LIMIT, Wish(Side.BUY, 0.0))), VIEW)


def test_something_else_than_orders_is_refused() -> None:
    """A number is neither."""
    with pytest.raises(DataError, match="strategy test_wishes on AAA must return a list of Wish and Cancel, got float"):
        checked_wishes(Asking([1.0]), VIEW)


@pytest.mark.parametrize("answer", [None, KeyError("x")])
def test_a_strategy_that_fails_is_named(answer: object) -> None:
    """Raising, and returning nothing that can be walked."""
    with pytest.raises(DataError, match=r"^strategy test_wishes on AAA failed: (TypeError|KeyError): "):
        checked_wishes(Asking(answer), VIEW)
