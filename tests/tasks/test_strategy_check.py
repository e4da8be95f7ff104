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
