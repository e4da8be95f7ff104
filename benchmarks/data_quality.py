"""All checks of data quality: a million bars against the clock, and with ``--shared`` what they catch and flag by file and kind."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
from measure import minute_bars, show, wall_seconds

from domain.examination import examine, found_in
from domain.market import DAY, HOUR, AssetClass, Bars, Instrument
from domain.new_york import day_of
from domain.quality import Rows
from domain.sessions import regular_hours, session_dates
from tasks.market_data.files import load, read_actions
from tasks.market_data.tables import read_rows

sys.path.append(str(Path(__file__).parents[1] / "tests"))
from quality_injector import Score, inject, score

BARS = 1_000_000
NOW = day_of(2026, 11, 21) * DAY
FILES = (
    "equity_1d", "equity_1h", "equity_1m", "crypto_1d", "crypto_1h", "crypto_1m", "crypto_5m", "fx_1d", "fx_1h", "fx_1m",
)  # fmt: skip


def main() -> None:
    """Measure the time; then, where the shared data is, what is caught in each file and flagged in it as it came."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shared", type=Path, help="the folder of wide data")
    parser.add_argument("--seeds", type=int, default=2)
    arguments = parser.parse_args()
    made = minute_bars(BARS)
    columns = (made.time, made.open, made.high, made.low, made.close, made.volume)
    rows = Rows((made.symbol,), np.zeros(BARS, np.int64), *columns)
    show("1,000,000 minute bars through all checks", wall_seconds(lambda: examine(rows, made.timeframe, {}), 3), "s", below=5.0)
    moved = replace(rows, time=rows.time + 5 * HOUR)
    show("the same in a wrong zone, a finding on each row", wall_seconds(lambda: found_in(moved, made.timeframe, {})), "s")
    if arguments.shared:
        caught, injected = Counter[str](), Counter[str]()
        for name in FILES:
            for result in scores(arguments.shared / "data", name, arguments.seeds):
                caught.update(result.caught)
                injected.update(result.injected)
        for kind in sorted(injected):
            print(f"    {kind:<24} {caught[kind]:>5} of {injected[kind]:>5}  {caught[kind] / injected[kind]:.4f}")


def scores(folder: Path, name: str, seeds: int) -> list[Score]:
    """Print and return how the checks do on one file, as it is and with errors from each seed."""
    path, asset_class = folder / f"{name}.parquet", AssetClass(name.partition("_")[0])
    actions = read_actions(folder / "corporate_actions.csv")
    clean = load(path, asset_class=asset_class)
    known = {bars.symbol: Instrument.of(bars.symbol, asset_class) for bars in clean.checked.bars}
    natural = examine(read_rows(path), clean.timeframe, known, NOW, actions)[1]
    kinds = ", ".join(f"{kind} {count}" for kind, count in Counter(finding.kind for finding in natural).most_common())
    print(f"{name}: as it is, {len(natural)} findings ({kinds or 'none'})")
    results = []
    for seed in range(seeds):
        rows, labels = inject([in_session(bars, asset_class) for bars in clean.checked.bars], seed)
        found = score(rows, labels, examine(rows, clean.timeframe, known, NOW, actions)[1])
        share = f"{sum(found.caught.values())} of {sum(found.injected.values())} caught, {found.named} by their kind"
        print(
            f"    seed {seed}: {share}; {len(found.false_rows)} other rows of {found.clean_rows} flagged ({found.false_rate:.3%})"
        )
        results.append(found)
    return results


def in_session(bars: Bars, asset_class: AssetClass) -> Bars:
    """Return intraday bars of shares without extended hours: errors are put where trading is."""
    if asset_class is not AssetClass.EQUITY or bars.timeframe.is_daily:
        return bars
    opens, closes = regular_hours(session_dates(bars.time, bars.timeframe, "XNYS"))
    inside = (bars.time + bars.timeframe.length > opens) & (bars.time < closes)
    columns = (bars.time, bars.open, bars.high, bars.low, bars.close, bars.volume)
    return Bars(bars.symbol, bars.timeframe, *(column[inside] for column in columns))


if __name__ == "__main__":
    main()
