"""The configured strategies against those there are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from domain.errors import ConfigurationError
from tasks import registry
from tasks.settings import load_settings, shipped_settings
from tasks.strategy_check import check_strategies

if TYPE_CHECKING:
    from pathlib import Path


def refusal(tmp_path: Path, *entries: str) -> str:
    """Return the message that refuses a configuration with these strategies."""
    path = tmp_path / "config.yaml"
    path.write_text("strategies:\n" + "".join(f"  - {{{entry}}}\n" for entry in entries))
    with pytest.raises(ConfigurationError) as caught:
        check_strategies(load_settings(path, {}))
    assert caught.value.exit_code == 78
    return str(caught.value)


def test_shipped_strategies_exist_and_take_their_parameters() -> None:
    """A fresh installation has nothing to mend."""
    assert check_strategies(shipped_settings()) == []


def test_unknown_strategy_is_refused_with_line_and_nearest(tmp_path: Path) -> None:
    """A typing error in a name does not start a session without it."""
    message = refusal(tmp_path, "name: buy_and_hold, symbols: [A]", "name: momentum_tren, symbols: [B]")
    assert message.startswith(
        f"{tmp_path}/config.yaml:3: strategies[1]: strategy 'momentum_tren' is unknown: did you mean 'momentum_trend'?"
    )


@pytest.mark.parametrize(
    "parameters",
    [
        "fast: 30, slow: 30",
        "fast: 40, slow: 30",
        "fast: 0, slow: 30",
        "fast: 1.5, slow: 30",
        "fast: 10, slow: 1000000000",
        "fats: 10",
    ],
)
def test_parameter_that_its_strategy_does_not_take_is_refused_with_its_line(tmp_path: Path, parameters: str) -> None:
    """Fast at or above slow, zero, a fraction of a bar, a billion bars, a misspelt name."""
    message = refusal(tmp_path, f"name: moving_average_crossover, symbols: [A], parameters: {{{parameters}}}")
    assert message.startswith(f"{tmp_path}/config.yaml:2: strategies[0]: ")
    assert "fast" in message or "slow" in message


CROSSOVER = "name: moving_average_crossover, shared: true, symbols: [A, B]"


@pytest.mark.parametrize(
    ("crossover", "momentum", "says"),
    [
        ("", ', sizing: "fixed_quantity:5"', "moving_average_crossover fixed_fraction, momentum_trend fixed_quantity"),
        (', sizing: "kelly:0.5"', ', sizing: "kelly:0.5"', "allowed is one rule for all of fixed_quantity"),
    ],
)
def test_symbol_that_cannot_be_shared_is_refused_with_its_line(tmp_path: Path, crossover: str, momentum: str, says: str) -> None:
    """Before anything starts, not when the session plans its run."""
    message = refusal(tmp_path, CROSSOVER + crossover, f"name: momentum_trend, shared: true, symbols: [C, B]{momentum}")
    assert message.startswith(f"{tmp_path}/config.yaml:3: strategies[1]: B is shared with sizing ")
    assert says in message


def test_symbol_that_can_be_shared_is_accepted(tmp_path: Path) -> None:
    """By three, with sizes of one rule, one of them left out."""
    path = tmp_path / "config.yaml"
    sized, held = 'name: momentum_trend, symbols: [B], sizing: "fixed_fraction:0.2"', "name: buy_and_hold, symbols: [A, B]"
    rows = [CROSSOVER, f"{sized}, shared: true", f"{held}, shared: true"]
    path.write_text("strategies:\n" + "".join(f"  - {{{row}}}\n" for row in rows))
    assert check_strategies(load_settings(path, {})) == []


def test_disabled_strategy_is_not_looked_at(tmp_path: Path) -> None:
    """What is parked may be unfinished."""
    path = tmp_path / "config.yaml"
    path.write_text("strategies: [{name: not_there_yet, enabled: false, symbols: [A]}]\n")
    assert check_strategies(load_settings(path, {})) == []


def test_strategy_file_that_cannot_be_loaded_is_reported_and_the_others_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One broken file refuses itself, not the configuration."""
    folder = tmp_path / "strategies"
    folder.mkdir()
    (folder / "broken.py").write_text("def\n")
    entries = registry.found() | registry.found(folder)
    monkeypatch.setattr(registry, "found", lambda _folder=None: entries)
    path = tmp_path / "config.yaml"
    path.write_text("strategies: [{name: broken, symbols: [A]}, {name: buy_and_hold, symbols: [B]}]\n")
    (reason,) = check_strategies(load_settings(path, {}))
    assert reason.startswith("strategy broken cannot be used: ")
