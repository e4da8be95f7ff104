"""How well the checks of data quality do: on the shared challenge, and on errors put into every shared file from another seed."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

import pytest
from quality_injector import Label, Score, inject, score

from domain.examination import examine
from domain.market import DAY, TIMEFRAMES, AssetClass, Instrument
from domain.new_york import day_of
from tasks.market_data.files import load, read_actions
from tasks.market_data.tables import read_rows

if TYPE_CHECKING:
    from pathlib import Path

    from domain.quality import Finding, Rows

NOW = day_of(2026, 11, 21) * DAY

NATURAL = {
    "equity_1d": 80, "equity_1h": 165, "crypto_1d": 15, "crypto_1h": 50, "crypto_1m": 15, "crypto_5m": 6, "fx_1d": 15, "fx_1h": 25,
    "fx_1m": 100,
}  # fmt: skip
"""The most findings in bars as they came: bad ticks, outages and holes that are really there."""


def injected_score(shared: Path, name: str, seed: int) -> tuple[Score, list[Finding]]:
    """Return the score of the checks on a shared file made dirty, and the findings of the file as it is."""
    path = shared / "data" / f"{name}.parquet"
    asset_class = AssetClass(name.partition("_")[0])
    actions = read_actions(shared / "data/corporate_actions.csv")
    clean = load(path, asset_class=asset_class)
    rows, labels = inject(clean.checked.bars, seed)
    known = {symbol: Instrument.of(symbol, asset_class) for symbol in rows.symbols}
    natural = examine(read_rows(path), clean.timeframe, known, NOW, actions)[1]
    return score(rows, labels, examine(rows, clean.timeframe, known, NOW, actions)[1]), natural


@pytest.mark.parametrize("name", NATURAL)
def test_errors_put_into_any_bars_are_caught_and_hardly_a_clean_row_is_flagged(shared: Path, name: str) -> None:
    """Other symbols, spans, bar sizes and seeds than the challenge's; 1 % of the rows wrong."""
    result, natural = injected_score(shared, name, 20261126)
    assert len(natural) <= NATURAL[name]
    assert result.recall >= 0.99 or sum(result.injected.values()) - sum(result.caught.values()) <= 1
    assert len(result.false_rows) <= len(natural) + 10 + 0.001 * result.clean_rows


def challenge(shared: Path, name: str) -> tuple[Rows, list[Finding], Path]:
    """Return rows and findings of a set of the challenge, and the prefix of its files."""
    prefix = shared / "data/quality" / name
    asset_class = AssetClass(name.partition("_")[0])
    rows = read_rows(prefix.with_name(f"{name}.dirty.parquet"))
    known = {symbol: Instrument.of(symbol, asset_class) for symbol in rows.symbols}
    actions = read_actions(shared / "data/corporate_actions.csv")
    return rows, examine(rows, TIMEFRAMES[name.partition("_")[2]], known, NOW, actions)[1], prefix


def row_ids(path: Path) -> set[int]:
    """Return the first column of a CSV file."""
    return {int(line.partition(",")[0]) for line in path.read_text().splitlines()[1:]}


@pytest.mark.parametrize("name", ["equity_1d", "equity_1m", "crypto_1h"])
def test_challenge_is_met_on_each_of_its_sets(shared: Path, name: str) -> None:
    """Recall 0.99 in all and 0.95 of each kind, 0.1 % of the clean rows flagged, 5 % of the true extremes; as score.py counts."""
    rows, findings, prefix = challenge(shared, name)
    with prefix.with_name(f"{name}.labels.csv").open() as file:
        labels = [
            Label(line["kind"], line["symbol"], tuple(int(row) for row in line["row_ids"].split())) for line in csv.DictReader(file)
        ]
    result = score(rows, labels, findings)
    assert result.recall >= 0.99
    assert all(result.caught[kind] >= 0.95 * count for kind, count in result.injected.items()), result.caught
    assert len(result.injected) == 20
    ignored = row_ids(prefix.with_name(f"{name}.ignore.csv"))
    ignored |= {row + 1 for row in ignored} | {row - 1 for row in ignored}
    assert len(set(result.false_rows) - ignored) <= 0.001 * len(rows)
    extremes = row_ids(prefix.with_name(f"{name}.must_not_flag.csv"))
    assert len(set(result.false_rows) & extremes) <= 0.05 * len(extremes)
