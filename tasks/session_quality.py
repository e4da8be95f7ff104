"""The check between a session's feed and its engine: what cannot be true goes no further, the improbable is marked and told."""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING, Any, Final, Protocol

import msgspec

from domain.events import BarsClosed, DoubtedBar
from domain.quality import iso
from domain.stream_check import StreamCheck, Verdict
from tasks.log import get_logger

if TYPE_CHECKING:
    from collections.abc import Mapping

    from domain.events import MarketEvent
    from domain.market import Bar, CorporateAction
    from tasks.session_plan import SessionPlan

_MOST_TOLD: Final = 20  # of a kind and symbol: what comes oftener is a state, not an event

log = get_logger(__name__)


class Record(Protocol):
    """How a person is told: see ``tasks.session_observers.Recorder.record``."""

    def __call__(self, event_type: str, level: str, message: str, metadata: Mapping[str, Any]) -> None:
        """Record one system event."""


class FeedCheck:
    """Passes the events of a feed on, without the bars that cannot be true, and with those in doubt marked.

    The marks follow from the bars alone, so a session that is started again finds those it had. A replay is trusted, and has no
    present: its bars were examined with hindsight when they were stored, so that what is merely improbable is told and changes
    nothing. Bars told by an earlier life of the session are not told again.

    What takes effect at the opening of a withheld bar waits for the symbol's next. A delisting at its close is left to a person:
    there is no price to settle at.
    """

    def __init__(self, plan: SessionPlan, record: Record) -> None:
        history = plan.history
        self._trusted = plan.feed.partition(":")[0] == "replay"
        self._check = StreamCheck(plan.spec.timeframe, plan.spec.instruments, history.actions, trusted=self._trusted)
        self._record = record
        self._verdicts: dict[str, tuple[int, Verdict]] = {}
        self._told: Counter[tuple[str, str]] = Counter()
        self._waiting: dict[str, tuple[CorporateAction, ...]] = {}

    def passed(self, event: MarketEvent, *, is_new: bool = True) -> MarketEvent | None:
        """Return ``event`` with the bars that can be true, None where nothing is left of it; tell what was found if it is new."""
        kept = tuple(bar for bar in event.bars if not self._verdict(bar).impossible)
        doubted = () if self._trusted else tuple(mark for bar in kept for mark in self._marks(bar))
        if is_new and isinstance(event, BarsClosed):
            for bar in event.bars:
                self._tell(bar, self._verdict(bar))
        if len(kept) == len(event.bars) and not doubted and not self._waiting:
            return event
        actions = self._effective(event, {bar.symbol for bar in kept})
        return msgspec.structs.replace(event, bars=kept, actions=actions, doubted=doubted) if kept else None

    def _effective(self, event: MarketEvent, passing: set[str]) -> tuple[CorporateAction, ...]:
        """Return the actions of symbols whose bars pass, first those that waited for an opening; the others wait for one."""
        effective = tuple(action for action in event.actions if action.symbol in passing)
        if isinstance(event, BarsClosed):
            return effective
        due = tuple(action for symbol in sorted(passing) for action in self._waiting.pop(symbol, ()))
        for action in event.actions:
            if action.symbol not in passing:
                self._waiting[action.symbol] = (*self._waiting.get(action.symbol, ()), action)
        return due + effective

    def _marks(self, bar: Bar) -> list[DoubtedBar]:
        """Return the mark of a bar in doubt, by the first thing found in it; none for any other bar."""
        return [DoubtedBar(bar.symbol, doubt.value, doubt.bound) for doubt in self._verdict(bar).doubted[:1]]

    def _verdict(self, bar: Bar) -> Verdict:
        """Return the verdict on a bar, made once though a feed shows it at its open and at its close."""
        known = self._verdicts.get(bar.symbol)
        if known is None or known[0] != bar.time:
            known = bar.time, self._check.see(bar, None if self._trusted else time.time_ns() // 1000)
            self._verdicts[bar.symbol] = known
        return known[1]

    def _tell(self, bar: Bar, verdict: Verdict) -> None:
        for fate, doubts in (("withheld", verdict.impossible), ("doubted", verdict.doubted), ("passed", verdict.told)):
            for doubt in doubts:
                self._told[bar.symbol, doubt.kind] += 1
                if self._told[bar.symbol, doubt.kind] > _MOST_TOLD:
                    continue
                message = f"bar of {bar.symbol} at {iso(bar.time)} {fate}: {doubt.kind}, {doubt.detail}"
                metadata = {"symbol": bar.symbol, "time": iso(bar.time), "kind": doubt.kind, "detail": doubt.detail, "fate": fate}
                log.warning("bar in doubt", **metadata)
                self._record("DataQuality", "warning", message, metadata)
