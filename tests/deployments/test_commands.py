"""Commands that work on the system's own database: ingest, back-test, results, trade, logs, doctor."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from deployments.cli import main
from deployments.doctor import examine
from deployments.lock import UpLock
from tasks.settings import DEFAULT_CONFIGURATION, Installation
from tasks.system_database import embedded_server

if TYPE_CHECKING:
    from collections.abc import Iterator

SHIPPED = Path(__file__).parents[2] / "deployments/data/equity_1d.parquet"


@pytest.fixture(scope="module")
def data() -> Iterator[Path]:
    """An installation whose database runs; as root PostgreSQL is another user, who must be able to pass through."""
    place = Path(tempfile.mkdtemp(prefix="pi5-commands-", dir="/tmp"))
    place.chmod(0o711)
    (place / "logs").mkdir()
    server = embedded_server(Installation(place))
    server.start()
    yield place
    server.stop()
    shutil.rmtree(place)


@pytest.fixture(autouse=True)
def _installation(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PI5_DATA", str(data))
    monkeypatch.delenv("DATABASE_URL", raising=False)


@pytest.fixture(scope="module")
def bars(data: Path) -> None:
    """Real bars of SPY in the database."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PI5_DATA", str(data))
        assert main(["ingest", "--file", str(SHIPPED), "--symbols", "SPY"]) == 0


def document(capsys: pytest.CaptureFixture[str], *argv: str) -> Any:
    """Run a command that prints one JSON document and return it."""
    assert main(argv) == 0
    return json.loads(capsys.readouterr().out)


@pytest.mark.usefixtures("bars")
def test_ingesting_the_same_file_again_changes_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """The second time every row is found and none is inserted; the table says so."""
    assert main(["ingest", "--file", str(SHIPPED), "--symbols", "SPY"]) == 0
    header, row = (line.split() for line in capsys.readouterr().out.splitlines()[:2])
    told = dict(zip(header, row, strict=True))
    assert (told["found"], told["inserted"], told["unchanged"]) == ("5,849", "0", "5,849")


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        (("--provider", "yaho"), "did you mean 'yahoo'?"),
        (("--provider", "file"), "--file PATH"),
        (("--provider", "yahoo", "--file", "x.csv"), "go together"),
        (("--start", "2021-01-02", "--end", "2020-01-02"), "after"),
    ],
)
def test_an_ingest_that_contradicts_itself_exits_2(capsys: pytest.CaptureFixture[str], argv: tuple[str, ...], says: str) -> None:
    """Options that exclude each other, and an unknown provider, are refused before anything is asked."""
    assert main(["ingest", *argv]) == 2
    assert says in capsys.readouterr().err


@pytest.mark.usefixtures("bars")
def test_a_backtest_on_stored_bars_equals_the_one_on_their_file_and_is_stored(capsys: pytest.CaptureFixture[str]) -> None:
    """Bars from the database give the ledger of the same bars from their file; the result is listed and comes back as it was."""
    asked = ("backtest", "buy_and_hold", "--symbols", "SPY", "--start", "2020-01-02", "--json")
    stored = document(capsys, *asked)
    from_file = document(capsys, *asked, "--bars", str(SHIPPED))
    assert stored["ledger_sha256"] == from_file["ledger_sha256"]
    listed = document(capsys, "results", "--json")
    assert [(row["strategy"], row["origin"]) for row in listed] == [("buy_and_hold", "cli")]
    assert document(capsys, "results", listed[0]["id"], "--json") == stored
    assert main(["results", listed[0]["id"]]) == 0
    assert stored["ledger_sha256"] in capsys.readouterr().out


def test_a_result_that_is_not_there_exits_1(capsys: pytest.CaptureFixture[str]) -> None:
    """An unknown id is a failure that says how to find the known ones."""
    assert main(["results", "nothing"]) == 1
    assert "./pi5 results lists them" in capsys.readouterr().err


@pytest.mark.usefixtures("bars")
def test_symbols_without_bars_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """A back-test on a symbol the database does not know names it."""
    assert main(["backtest", "buy_and_hold", "--symbols", "NONE"]) in {1, 2}
    assert "NONE" in capsys.readouterr().err


def test_a_session_on_a_file_trades_to_its_end(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Trade runs one strategy over the bars of a file without Prefect, and ends with the hashes of the event back-test."""
    lines = [f"2020-01-{day:02}T05:00:00+00:00,SPY,{day}.0,{day}.5,{day - 1}.5,{day}.25,1000000" for day in (6, 7, 8, 9, 10)]
    file = tmp_path / "bars.csv"
    file.write_text("\n".join(["time,symbol,open,high,low,close,volume", *lines, ""]))
    assert main(["trade", "buy_and_hold", "--symbols", "SPY", "--feed", f"replay:{file}", "--speed", "max"]) == 0
    told = capsys.readouterr().out
    same = ("--symbols", "SPY", "--bars", str(file), "--config", str(DEFAULT_CONFIGURATION), "--limits", "on", "--engine", "event")
    expected = document(capsys, "backtest", "buy_and_hold", *same, "--json")
    assert "finished" in told
    assert expected["fills"] == 1
    assert expected["ledger_sha256"] in told
    assert expected["equity_sha256"] in told


def test_a_session_beside_the_one_of_up_exits_7_and_names_what_ends_it(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, data: Path
) -> None:
    """The same session twice: the second says that ./pi5 down ends the first, which up runs."""
    lines = [f"2020-01-{day:02}T05:00:00+00:00,SPY,{day}.0,{day}.5,{day - 1}.5,{day}.25,1000000" for day in (6, 7, 8, 9, 10)]
    file = tmp_path / "slow.csv"
    file.write_text("\n".join(["time,symbol,open,high,low,close,volume", *lines, ""]))
    argv = ("trade", "buy_and_hold", "--symbols", "SPY", "--feed", f"replay:{file}", "--speed", "0.01")
    first = subprocess.Popen([sys.executable, "-m", "deployments.cli", *argv], stderr=subprocess.PIPE, text=True)
    (data / "run").mkdir(exist_ok=True)
    lock = UpLock(data / "run")
    lock.acquire()
    try:
        assert first.stderr is not None
        assert any("session trading" in line for line in first.stderr)
        assert main(argv) == 7
        assert "./pi5 down" in capsys.readouterr().err.splitlines()[-1]
    finally:
        lock.release()
        first.kill()
        first.communicate()


def test_logs_show_lines_for_machines_as_lines_for_people(capsys: pytest.CaptureFixture[str], data: Path) -> None:
    """A JSON line becomes time, level and event; a plain one stays; every line names its log where there are several."""
    (data / "logs/up.log").write_text('{"event": "it began", "level": "info", "timestamp": "2026-01-02T03:04:05Z"}\nplain\n')
    (data / "logs/web.out").write_text("served\n")
    assert main(["logs", "up"]) == 0
    assert capsys.readouterr().out == "2026-01-02T03:04:05Z info: it began\nplain\n"
    assert main(["logs"]) == 0
    assert "web: served" in capsys.readouterr().out


def test_doctor_finds_what_is_wrong_and_says_what_to_do(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A configuration that is refused is wrong with this machine: exit 1, the finding with its advice, the rest looked at."""
    monkeypatch.setenv("PI5__COSTS__COMMISSION_BPS", "much")
    assert main(["doctor", "--json"]) == 1
    found = {finding["what"]: finding for finding in json.loads(capsys.readouterr().out)}
    assert (found["configuration"]["state"], "config check" in found["configuration"]["advice"]) == ("wrong", True)
    assert found["database"]["state"] in {"good", "note"}
    assert found["interpreter"]["state"] == "good"


def test_doctor_goes_on_where_the_environment_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    """A port that cannot be one is a finding among the others, not the end of the examination."""
    monkeypatch.setenv("PI5_PREFECT_PORT", "0")
    states = {finding.what: finding.state for finding in examine()}
    assert (states["environment"], states["interpreter"]) == ("wrong", "good")
