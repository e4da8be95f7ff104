"""A broken strategy file costs a session that strategy alone; what a person must see is in the system events."""

from __future__ import annotations

import sys
from pathlib import Path
from shutil import copytree, ignore_patterns
from typing import TYPE_CHECKING, Any

import pytest

import strategies
from domain.errors import ConfigurationError, InputError
from tasks.session import trade
from tasks.session_plan import Wishes, plan_session
from tasks.settings import load_settings
from tests import sessions

if TYPE_CHECKING:
    from tasks.database.connection import Database
    from tasks.settings import Settings

BROKEN = "\n  - {name: broken, symbols: [QQQ]}"
HOLDING = '\n  - {name: buy_and_hold, symbols: [SPY], sizing: "fixed_fraction:0.2"}'


@pytest.fixture
def broken_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder of strategies, with one more that cannot be imported."""
    copy = tmp_path / "installed" / "strategies"
    copytree(Path(str(strategies.__path__[0])), copy, ignore=ignore_patterns("__pycache__"))
    (copy / "broken.py").write_text("import no_such_module_anywhere\n", encoding="utf-8")
    monkeypatch.delitem(sys.modules, "strategies")
    monkeypatch.syspath_prepend(copy.parent)


def settings_of(folder: Path, *entries: str) -> Settings:
    """Return a configuration of the strategies ``entries`` on 30 real bars."""
    bars = sessions.write_bars(folder / "bars.csv", 30, ("QQQ", "SPY"))
    return load_settings(sessions.write_configuration(folder, bars, "".join(entries)), {})


def events(database: Database) -> list[tuple[Any, ...]]:
    """Return the system events, oldest first."""
    with database.connect() as connection:
        return connection.execute("SELECT event_type, level, message, metadata FROM system_events ORDER BY id").fetchall()


@pytest.mark.usefixtures("broken_file")
def test_session_trades_without_a_strategy_whose_file_is_broken(embedded_database: Database, tmp_path: Path) -> None:
    """The others trade to the end, and one system event says which does not and why."""
    outcome = trade(plan_session(settings_of(tmp_path, BROKEN, HOLDING), embedded_database), embedded_database)
    assert (outcome.state, outcome.instants) == ("finished", 30)
    (refused,) = [event for event in events(embedded_database) if event[0] == "StrategyRefused"]
    assert refused[1] == "error"
    assert "no_such_module_anywhere" in refused[2]
    assert refused[3]["strategy"] == "broken"


@pytest.mark.usefixtures("broken_file")
def test_session_of_broken_files_alone_is_refused(tmp_path: Path) -> None:
    """Nothing is left to trade: the configuration is at fault, and the message says why."""
    with pytest.raises(ConfigurationError, match=r"broken: .*no_such_module_anywhere"):
        plan_session(settings_of(tmp_path, BROKEN), None)


@pytest.mark.usefixtures("broken_file")
def test_broken_strategy_that_was_asked_for_by_name_is_refused(tmp_path: Path) -> None:
    """Who names a strategy wants that one."""
    with pytest.raises(InputError, match="broken cannot be used"):
        plan_session(settings_of(tmp_path, BROKEN, HOLDING), None, Wishes(strategies=("broken",)))


def test_configured_name_without_a_file_is_refused(tmp_path: Path) -> None:
    """A name that nobody has is a mistake to correct, not a strategy to leave out."""
    with pytest.raises((InputError, ConfigurationError), match="buy_and_hol"):
        plan_session(settings_of(tmp_path, HOLDING.replace("buy_and_hold", "buy_and_hol")), None)


def test_start_and_end_of_a_run_are_system_events(embedded_database: Database, tmp_path: Path) -> None:
    """A person sees when a run began and ended."""
    plan = plan_session(settings_of(tmp_path, HOLDING), embedded_database)
    before = len(events(embedded_database))
    trade(plan, embedded_database)
    assert [event[0] for event in events(embedded_database)[before:]] == ["RunStarted", "RunFinished"]
