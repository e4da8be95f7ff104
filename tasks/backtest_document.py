"""A finished run as the contract's JSON and as rows."""

from __future__ import annotations

import math
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from domain.ledger import dataset_id, equity_sha256, ledger_sha256
from domain.performance import measure
from domain.rules.limits import Breach
from domain.rules.sizing import SizingRule
from domain.shared import SharedSymbol
from domain.timeline import actions_used
from domain.trades import FillRow, SplitRow, Trade, round_trips, splits_met
from tasks.backtest_account import account_warnings
from tasks.backtest_holes import data_holes, hole_warnings
from tasks.backtest_measures import benchmark_of, drawdown_of, points_of

if TYPE_CHECKING:
    from tasks.backtest import BacktestRequest, Run
    from tasks.backtest_input import Prepared

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def iso(time: int) -> str:
    """Return UTC microseconds as ISO 8601 with offset."""
    return (_EPOCH + timedelta(microseconds=time)).isoformat()


def trades_of(run: Run) -> list[Trade]:
    """Return the closed trades of a run, splits on the way taken into account."""
    return round_trips(_fills(run), _splits_met(run))


def _fills(run: Run) -> list[FillRow]:
    units = {instrument.symbol: instrument.lots_per_unit for instrument in run.spec.instruments}
    return [
        FillRow(
            fill.time,
            fill.symbol,
            1 if fill.side == "buy" else -1,
            fill.quantity,
            fill.price,
            fill.fee,
            fill.reason,
            lots,
            units[fill.symbol],
        )
        for fill, lots in zip(run.fills, run.fill_lots, strict=True)
    ]


def _splits_met(run: Run) -> list[SplitRow]:
    return splits_met(run.history, _fills(run))


def document_of(request: BacktestRequest, prepared: Prepared, run: Run, trades: list[Trade]) -> dict[str, Any]:
    """Return the contract's back-test JSON."""
    spec, history = run.spec, run.history
    names = [choice.name for choice in prepared.choices]
    parameters = {choice.name: choice.strategy.parameters for choice in prepared.choices}
    holes = data_holes(history)
    return {
        "strategy": ",".join(names),
        "parameters": parameters[names[0]] if len(names) == 1 else parameters,
        "symbols": [instrument.symbol for instrument in spec.instruments],
        "timeframe": history.timeframe.name,
        "start": iso(history.first_time),
        "end": iso(history.last_time),
        "bars": history.size,
        "fills": len(run.fills),
        "trades": len(trades),
        "ambiguous_bars": len(run.ambiguities),
        "engine": prepared.engine,
        "dataset_id": dataset_id(history),
        "ledger_sha256": ledger_sha256(run.fills),
        "equity_sha256": equity_sha256(run.equity),
        "initial_cash": spec.initial_cash,
        "final_equity": run.equity[-1].equity,
        "limits": _limits(run),
        "warnings": [*prepared.warnings, *hole_warnings(holes, history), *_warnings(run)],
        "metrics": _metrics(run, trades),
        "drawdown": drawdown_of(run),
        "benchmark": benchmark_of(run),
        "assumptions": {**_assumptions(request, prepared, run), "data_holes": holes},
    }


def _limits(run: Run) -> dict[str, Any]:
    bounds = run.spec.limits
    if bounds is None:
        return {"on": False}
    return {"on": True, **{name: bound if math.isfinite(bound) else None for name, bound in bounds._asdict().items()}}


def _entries(count: int) -> str:
    return f"{count} short {'entry was' if count == 1 else 'entries were'}"


def _warnings(run: Run) -> list[str]:
    warnings = []
    if run.drawdown_breached and run.spec.limits is not None:
        warnings.append(
            f"the drawdown limit of {run.spec.limits.max_drawdown:.1%} was met: no entry from then to the end of the run"
        )
    refused = Counter(refusal.breach for refusal in run.refusals)
    short, unlent = refused[Breach.SHORT_NOT_ALLOWED.code], refused[Breach.BORROW_UNAVAILABLE.code]
    if short:
        why = "nothing beyond what is held is sold" if run.spec.margin else "a cash account holds no short positions"
        warnings.append(f"{_entries(short)} refused: {why}")
    if unlent:
        warnings.append(f"{_entries(unlent)} refused: no borrow rate is known, name one with --borrow-rate")
    if run.spec.margin and min(run.equity.cash, default=0.0) < 0.0:
        warnings.append("cash was below zero: this margin account pays no interest on what it owes, which flatters the result")
    if any(one.sizing.rule == SizingRule.RISK_PER_TRADE and not one.exits.stop_loss > 0.0 for one in run.spec.assignments):
        warnings.append("sizing risk_per_trade found no stop-loss on a strategy: its entries had size 0")
    return warnings + account_warnings(run, _splits_met(run), "margin" if run.spec.margin else "cash")


def _assumptions(request: BacktestRequest, prepared: Prepared, run: Run) -> dict[str, Any]:
    """Return what the result rests on."""
    spec = run.spec
    refusals = Counter(refusal.breach for refusal in run.refusals)
    apart = [abs(each.high_first - each.low_first) for each in run.ambiguities]
    return {
        "account": "margin" if spec.margin else "cash",
        "path": spec.path.code,
        **({"finer_timeframe": run.history.finer[0].timeframe.name} if run.history.finer else {}),
        "ambiguous_share": len(run.ambiguities) / run.history.size,
        "ambiguous_equity": {"booked": run.equity[-1].equity, "other_ways": math.fsum(apart)},
        "commission_bps": spec.costs.commission_rate * 1e4,
        "slippage_bps": spec.costs.slippage_rate * 1e4,
        **_other_costs(run),
        "volume_limit": {instrument.symbol: spec.volume_share(instrument) or None for instrument in spec.instruments},
        "fills_cut_by_volume": run.volume_limited / len(run.fills) if run.fills else 0.0,
        "refusals": dict(sorted(refusals.items())),
        "corporate_actions": len(actions_used(run.history)),
        "sizing": {choice.name: choice.sizing for choice in prepared.choices},
        **_shared(run),
        "touch_probability": spec.touch_probability,
        "seed": request.seed,
        "trials": 1,
    }


def _shared(run: Run) -> dict[str, Any]:
    """Return the strategies of each symbol that several trade; nothing where none is."""
    shared = {one.symbol: one.strategy for one in run.spec.assignments if isinstance(one.strategy, SharedSymbol)}
    if not shared:
        return {}
    return {"shared_symbols": {symbol: [member.name for member in netted.members] for symbol, netted in shared.items()}}


def _other_costs(run: Run) -> dict[str, Any]:
    """Return the cost assumptions beside commission and slippage rates, those that are in use."""
    spec, costs = run.spec, run.spec.costs
    used: dict[str, Any] = {
        "half_spread_bps": costs.half_spread_rate * 1e4,
        "commission_per_unit": costs.per_unit,
        "commission_per_trade": costs.per_trade,
        "commission_minimum": costs.least,
        "commission_maximum_bps": costs.most_rate * 1e4 if math.isfinite(costs.most_rate) else 0.0,
        "impact": costs.impact,
        "regulatory_fees": spec.regulatory_fees,
        "borrow_rate": spec.borrow_rate,
        "borrow_rates": dict(spec.borrow_rates),
        "borrow_fees": run.borrow_fees,
    }
    return {name: value for name, value in used.items() if value}


def _metrics(run: Run, trades: list[Trade]) -> dict[str, float | None]:
    spec = run.spec
    return measure(
        points_of(run),
        initial_cash=spec.initial_cash,
        periods=spec.annual_periods,
        trades=trades,
        fees=math.fsum(fill.fee for fill in run.fills),
        traded=math.fsum(fill.quantity * fill.price for fill in run.fills),
        bars=run.history.size,
        bars_held=run.held_bars,
    )


def fill_rows(run: Run) -> list[dict[str, Any]]:
    """Return the rows of fills.csv."""
    return [{**fill._asdict(), "time": iso(fill.time)} for fill in run.fills]


def trade_rows(trades: list[Trade]) -> list[dict[str, Any]]:
    """Return the rows of trades.csv."""
    return [
        {
            "symbol": trade.symbol,
            "side": "long" if trade.side > 0 else "short",
            "quantity": trade.quantity,
            "entry_time": iso(trade.entry_time),
            "entry_price": trade.entry_price,
            "exit_time": iso(trade.exit_time),
            "exit_price": trade.exit_price,
            "fees": trade.fees,
            "pnl": trade.pnl,
            "return": trade.return_on_entry,
            "reason": trade.reason,
        }
        for trade in trades
    ]


def equity_rows(run: Run) -> list[dict[str, Any]]:
    """Return the rows of equity.csv."""
    return [{"time": iso(row.time), "equity": row.equity, "cash": row.cash} for row in run.equity]
