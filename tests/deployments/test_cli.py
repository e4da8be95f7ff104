"""The command line: exit codes, what goes to which stream, and refusals that name what is wrong."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from deployments.cli import main
from deployments.commands import tools
from deployments.doctor import examine
from deployments.log_lines import dated
from deployments.output import brief
from deployments.output_folder import output_folder
from tasks import registry

ROOT = Path(__file__).parents[2]
BARS = str(ROOT / "deployments/data/equity_1d.parquet")
SPY = ("backtest", "moving_average_crossover", "--bars", BARS, "--symbols", "SPY")
PAIR = ("backtest", "buy_and_hold,momentum_trend", "--bars", BARS)
PI5 = (sys.executable, "-m", "deployments.cli")


@pytest.fixture(autouse=True)
def _own_installation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every command see an installation of its own that is not there yet."""
    monkeypatch.setenv("PI5_DATA", str(tmp_path / "data"))
    monkeypatch.delenv("DATABASE_URL", raising=False)


def refused(capsys: pytest.CaptureFixture[str], *argv: str) -> tuple[int, str]:
    """Run a command that must fail without a word on stdout; return its code and the last line of stderr."""
    code = main(argv)
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "Traceback" not in printed.err
    return code, printed.err.rstrip("\n").splitlines()[-1]


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        ((), "a command is missing"),
        (("backtets",), "did you mean 'backtest'?"),
        (("version",), "did you mean '--version'?"),
        (("status", "--jsno"), "did you mean '--json'?"),
        (("status", "--js"), "unknown option --js"),
        (("status", "now"), "unexpected argument 'now'"),
        (("backtest",), "STRATEGY"),
        (("backtest", "buy_and_hold", "--bars"), "--bars"),
        (("backtest", "buy_and_hold", "--bars", ""), "--bars"),
        (("backtest", "buy_and_hold", "--symbols", ""), "--symbols"),
        (("backtest", "buy_and_hold", "--symbols", "SPY,,QQQ"), "empty symbol"),
        (("backtest", "buy_and_hold", "--symbols", "SPY,SPY"), "twice"),
        (("backtest", "buy_and_hold", "--symbols", "QQQ,SPY,spy", "--shared"), "argument --symbols: SPY stands twice"),
        (("backtest", "buy_and_hold", "--start", "02/01/2020"), "2020-01-02"),
        (("backtest", "buy_and_hold", "--start", "2021-02-31"), "no date"),
        (("backtest", "buy_and_hold", "--engine", "both"), "kernel"),
        (("backtest", "buy_and_hold", "--timeframe", "2d"), "1d"),
        (("backtest", "buy_and_hold", "--cash", "much"), "no number"),
        (("backtest", "buy_and_hold", "--volume-limit", "2"), "at most 1"),
        (("backtest", "buy_and_hold", "--param", "fast"), "name=value"),
        (("trade", "--speed", "0"), "above 0"),
        (("config", "edit"), "check"),
    ],
)
def test_wrong_usage_exits_2_with_the_usage_and_what_is_allowed(
    capsys: pytest.CaptureFixture[str], argv: tuple[str, ...], says: str
) -> None:
    """A command line that cannot be understood is refused with its usage, the thing given and what may stand there."""
    code = main(argv)
    printed = capsys.readouterr()
    assert (code, printed.out) == (2, "")
    usage, said = printed.err.splitlines()
    assert usage.startswith("usage: ./pi5 ")
    assert len(usage) < 100
    assert says in said


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        (("backtest", "moving_average_crosover", "--bars", BARS), "did you mean 'moving_average_crossover'?"),
        ((*SPY, "--param", "fats=3"), "did you mean 'fast'?"),
        ((*SPY, "--param", "fast=3", "--param", "fast=4"), "twice"),
        ((*SPY, "--param", "fast=40"), "fast"),
        ((*SPY, "--start", "2020-01-02", "--end", "2019-01-02"), "start"),
        ((*SPY, "--cash", "0"), "cash"),
        ((*SPY, "--cash", "-1"), "cash"),
        ((*SPY, "--sizing", "kely:0.5"), "did you mean 'kelly'"),
        ((*SPY, "--borrow-rate", "-0.1"), "a fraction a year from 0"),
        ((*SPY, "--account", "cash", "--borrow-rate", "0.1"), "goes with --account margin"),
        (("backtest", "buy_and_hold,momentum_trend", "--bars", BARS, "--symbols", "SPY"), "1 groups for 2 strategies"),
        (("backtest", "buy_and_hold,momentum_trend", "--bars", BARS), "symbols of its own"),
        (
            (*PAIR, "--symbols", "SPY,SPY+IWM"),
            "SPY is traded by one strategy, but given to buy_and_hold and",
        ),
        ((*PAIR, "--symbols", "SPY,SPY"), "with --shared, in the configuration with shared: true on each of them"),
        ((*PAIR, "--symbols", "SPY+SPY,QQQ", "--shared"), "SPY: buy_and_hold stands twice"),
        ((*PAIR, "--symbols", "SPY,SPY", "--shared", "--sizing", "kelly:0.5"), "allowed is one rule for all of fixed_quantity"),
        (("trade", "--broker", "alpaca"), "not there yet"),
        (("trade", "--feed", "yahoo"), "not there yet"),
        (("trade", "--feed", "alpaca"), "not there yet"),
        (("trade", "--feed", "replai"), "did you mean 'replay'?"),
        (("trade", "--feed", "bogus"), "feed 'bogus' is unknown"),
        (("trade", "buy_and_hol"), "did you mean 'buy_and_hold'?"),
        (("ingest", "--provider", "alpaca"), "not there yet"),
        (("logs", "sesion"), "there is no log"),
    ],
)
def test_an_argument_that_cannot_be_used_exits_2_in_one_line(
    capsys: pytest.CaptureFixture[str], argv: tuple[str, ...], says: str
) -> None:
    """What is understood but cannot be done is refused before anything runs, in one line that names it."""
    code = main(argv)
    printed = capsys.readouterr()
    assert (code, printed.out) == (2, "")
    assert says in printed.err
    assert len(printed.err.splitlines()) == 1


@pytest.mark.parametrize("cash", ["nan", "inf"])
def test_cash_that_is_no_finite_number_is_wrong_usage(capsys: pytest.CaptureFixture[str], cash: str) -> None:
    """Initial cash NaN or infinite never reaches a back-test."""
    code, said = refused(capsys, *SPY, "--cash", cash)
    assert code == 2
    assert "--cash" in said


@pytest.mark.parametrize(
    "command",
    [
        "optimise",
        "walk-forward",
        "monte-carlo",
        "compare",
        "why",
        "halt",
        "flatten",
        "resume",
        "arm",
        "reconcile",
        "verify",
        "backup",
        "restore",
        "worker",
    ],
)
def test_a_command_of_later_says_that_it_is_not_there_yet(capsys: pytest.CaptureFixture[str], command: str) -> None:
    """Commands of the contract that do not exist yet are told apart from commands that never will, whatever follows them."""
    assert refused(capsys, command, "--anything", "x") == (2, f"./pi5: {command}: not there yet")


def test_an_argument_that_is_not_utf8_is_refused_readably(capsys: pytest.CaptureFixture[str]) -> None:
    """Bytes that are no text, as the shell passes them, are refused and shown escaped."""
    code, said = refused(capsys, "backtest", os.fsdecode(b"buy\xff"))
    assert (code, said) == (2, r"./pi5: argument 2 is not UTF-8: b'buy\xff'")


def test_bars_that_are_not_there_exit_1_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    """A file that does not exist is a failure that names it, not a traceback."""
    code, said = refused(capsys, "backtest", "buy_and_hold", "--bars", "/nowhere/bars.parquet")
    assert code == 1
    assert "/nowhere/bars.parquet" in said


def test_dates_without_a_bar_exit_1(capsys: pytest.CaptureFixture[str]) -> None:
    """A span without bars is refused: nothing is back-tested on nothing."""
    code, said = refused(capsys, *SPY, "--start", "2030-01-01")
    assert code in {1, 2}
    assert "no bars" in said


def test_results_without_a_database_say_what_makes_one(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """A question never creates a database."""
    code, said = refused(capsys, "results")
    assert code == 1
    assert "./pi5 up" in said
    assert not (tmp_path / "data").exists()


def test_a_configuration_with_a_typo_exits_78_and_names_the_field(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """An unknown key is refused with its file, line and nearest name."""
    path = tmp_path / "config.yaml"
    path.write_text("risk_management:\n  max_positon_size: 0.2\n")
    code, said = refused(capsys, "config", "check", "--config", str(path))
    assert code == 78
    assert "max_position_size" in said


def test_a_port_that_cannot_be_one_exits_78(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A port out of range is refused by the name of its variable, by every command that would use it."""
    monkeypatch.setenv("PI5_WEB_PORT", "70000")
    code, said = refused(capsys, "status")
    assert code == 78
    assert "PI5_WEB_PORT" in said


def test_status_of_an_installation_that_is_not_there_is_the_whole_document(capsys: pytest.CaptureFixture[str]) -> None:
    """Status works when nothing runs: every key of the contract, nothing else on stdout, nothing created."""
    assert main(["status", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert set(document) >= {"version", "data", "database", "prefect", "processes", "session", "bars", "backtests", "disk"}
    assert (document["processes"], document["session"], document["prefect"]["reachable"]) == ([], None, False)
    assert not Path(document["data"]).exists()


def test_down_of_what_does_not_run_is_done(capsys: pytest.CaptureFixture[str]) -> None:
    """Stopping what is stopped is no failure."""
    assert main(["down"]) == 0
    assert capsys.readouterr().out == "nothing runs\n"


def test_strategies_as_json_give_ranges_and_descriptions(capsys: pytest.CaptureFixture[str]) -> None:
    """A program finds every strategy with its parameters, defaults, ranges and one line of description."""
    assert main(["strategies", "--json"]) == 0
    by_name = {entry["name"]: entry for entry in json.loads(capsys.readouterr().out)}
    assert {"moving_average_crossover", "rsi_mean_reversion", "momentum_trend", "buy_and_hold"} <= set(by_name)
    fast = by_name["moving_average_crossover"]["parameters"][0]
    assert (fast["name"], fast["default"], fast["search"]) == ("fast", 10, [5.0, 50.0])
    assert all(entry["description"] for entry in by_name.values())


def test_a_backtest_as_json_equals_its_files(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """--json prints one document alone, --out writes the same one and rows as many as it counts; no unfinished file stays."""
    out = tmp_path / "out"
    assert main([*SPY, "--start", "2015-01-02", "--json", "--out", str(out)]) == 0
    document = json.loads(capsys.readouterr().out)
    assert json.loads((out / "result.json").read_text()) == document
    assert sorted(path.name for path in out.iterdir()) == ["equity.csv", "fills.csv", "report.html", "result.json", "trades.csv"]
    rows = {name: list(csv.DictReader((out / f"{name}.csv").open())) for name in ("fills", "trades", "equity")}
    assert (len(rows["fills"]), len(rows["trades"]), len(rows["equity"])) == (
        document["fills"],
        document["trades"],
        document["bars"],
    )
    assert list(rows["fills"][0]) == ["time", "symbol", "side", "quantity", "price", "fee", "reason"]
    assert float(rows["equity"][-1]["equity"]) == document["final_equity"]


def test_json_is_one_document_whatever_a_strategy_prints(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it says goes to stderr, where a person reads it."""
    (tmp_path / "talking.py").write_text(
        "from dataclasses import dataclass\nfrom domain.strategy import Bars, Series, Strategy\n"
        '\n\n@dataclass(frozen=True)\nclass Talking(Strategy):\n    """Talks."""\n\n'
        "    def target(self, bars: Bars) -> Series:\n        print('asked')\n        return bars.close * 0.0\n"
    )
    entries = registry.found() | registry.found(tmp_path)
    capsys.readouterr()
    monkeypatch.setattr(registry, "found", lambda _folder=None: entries)
    assert main(["backtest", "talking", "--bars", str(BARS), "--json"]) == 0
    printed = capsys.readouterr()
    assert json.loads(printed.out)["strategy"] == "talking"
    assert "asked" in printed.err


def test_a_symbol_is_shared_where_the_command_says_so(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Both strategies by name and parameters, one ledger; the report names who shares what; by a configuration the same."""
    both = (*PAIR, "--start", "2015-01-02", "--sizing", "fixed_fraction:0.2")
    assert main([*both, "--symbols", "SPY,SPY", "--shared", "--out", str(tmp_path / "out")]) == 0
    shown = capsys.readouterr().out
    assert "one position       SPY of buy_and_hold and momentum_trend" in shown
    assert "buy_and_hold()" in shown
    assert "momentum_trend(period=90)" in shown
    document = json.loads((tmp_path / "out/result.json").read_text())
    assert document["assumptions"]["shared_symbols"] == {"SPY": ["buy_and_hold", "momentum_trend"]}
    assert "Shared symbols" in (tmp_path / "out/report.html").read_text()
    path = strategies_file(tmp_path / "data", *(f"name: {name}, shared: true, symbols: [SPY]" for name in PAIR[1].split(",")))
    costs = ("--commission-bps", "5", "--slippage-bps", "0")
    assert main([*both, "--config", str(path), *costs, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["ledger_sha256"] == document["ledger_sha256"]


def test_a_backtest_for_people_says_what_holding_would_have_made(capsys: pytest.CaptureFixture[str]) -> None:
    """The deepest fall by its dates, and the benchmark in one line."""
    assert main([*SPY, "--start", "2015-01-02", "--end", "2020-12-31", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert main([*SPY, "--start", "2015-01-02", "--end", "2020-12-31"]) == 0
    shown = capsys.readouterr().out
    fall, held = document["drawdown"], document["benchmark"]
    assert f"from {fall['peak'][:10]} to {fall['trough'][:10]}, " in shown
    assert f"total return {held['total_return']:.2%}, max drawdown {held['max_drawdown']:.2%}, alpha {held['alpha']:.2%}" in shown


def test_a_finer_timeframe_than_the_files_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 2, both sizes named."""
    code, said = refused(capsys, *SPY, "--timeframe", "1h")
    assert code == 2
    assert "holds 1d bars: --timeframe 1h cannot be finer" in said


def test_a_backtest_reads_no_variable_and_no_configuration_file(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The arguments alone fix the result: neither a variable nor the installation's file moves it, broken ones included."""
    short = [*SPY, "--start", "2015-01-02", "--limits", "on", "--json"]
    assert main(short) == 0
    before = capsys.readouterr().out
    monkeypatch.setenv("PI5__RISK_MANAGEMENT__MAX_POSITION_SIZE", "0.01")
    (tmp_path / "data").mkdir()
    (tmp_path / "data/config.yaml").write_text("no: such\nconfiguration")
    assert main(short) == 0
    assert capsys.readouterr().out == before


def test_version_and_wrong_usage_answer_at_once() -> None:
    """Neither imports what only work needs."""
    script = "import sys; from deployments.cli import main; main(['stauts']); print(*sorted(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    assert not {"numpy", "pandas", "numba", "prefect", "sqlalchemy", "psycopg", "pydantic", "httpx"} & set(loaded)


def test_no_command_of_the_core_imports_prefect() -> None:
    """A back-test is the same steps as a flow's, without the orchestrator's import."""
    script = (
        f"import sys; from deployments.cli import main; main({[*SPY, '--start', '2020-01-02']!r}); print('prefect' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "False"


def test_an_interrupt_ends_a_command_with_130_and_one_line() -> None:
    """Ctrl-C in the middle of a command is no traceback."""
    process = subprocess.Popen([*PI5, "logs", "-f"], stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=_with_log())
    assert process.stdout is not None
    assert "something happened" in process.stdout.readline()
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=10)
    assert (process.returncode, err) == (130, "./pi5: interrupted\n")


def test_a_reader_that_goes_away_ends_a_command_quietly() -> None:
    """Output into a closed pipe ends the command with the pipe's code and no complaint."""
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run([*PI5, "logs"], stdout=writing, stderr=subprocess.PIPE, text=True, env=_with_log(), check=False)
    os.close(writing)
    assert (done.returncode, done.stderr) == (141, "")


def _with_log() -> dict[str, str]:
    """Return an environment whose installation has a log."""
    logs = Path(os.environ["PI5_DATA"]) / "logs"
    logs.mkdir(parents=True)
    (logs / "up.log").write_text(json.dumps({"timestamp": time.time(), "level": "info", "event": "something happened"}) + "\n")
    return dict(os.environ)


def strategies_file(folder: Path, *entries: str) -> Path:
    """Write a configuration with these strategies; return its path."""
    path = folder / "config.yaml"
    path.parent.mkdir(exist_ok=True)
    path.write_text("strategies:\n" + "".join(f"  - {{{entry}}}\n" for entry in entries))
    return path


WRONG = ("name: momentum_tren, symbols: [A]", "name: moving_average_crossover, symbols: [B], parameters: {fast: 40, slow: 30}")


@pytest.mark.parametrize("command", ["config", "up"])
def test_wrong_strategies_exit_78_with_a_line_for_each_before_anything_starts(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, command: str
) -> None:
    """A misspelt strategy and parameters it cannot take are told with file and line, and no database is made."""
    strategies_file(tmp_path / "data", *WRONG)
    assert main([command, "check"] if command == "config" else [command, "--offline"]) == 78
    printed = capsys.readouterr()
    first, second = printed.err.splitlines()
    assert printed.out == ""
    assert "config.yaml:2: strategies[0]: strategy 'momentum_tren' is unknown: did you mean 'momentum_trend'?" in first
    assert "config.yaml:3: strategies[1]: " in second
    assert "fast" in second
    assert not (tmp_path / "data/database").exists()


def test_doctor_tells_wrong_strategies(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """What config check refuses is wrong with this installation too."""
    strategies_file(tmp_path / "data", *WRONG)
    assert main(["doctor", "--json"]) == 1
    found = {finding["what"]: finding for finding in json.loads(capsys.readouterr().out)}
    assert found["configuration"]["state"] == "wrong"
    assert "momentum_tren" in found["configuration"]["found"]


def test_a_strategy_file_that_cannot_be_loaded_is_a_warning(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The configuration stands, for the other strategies run; config check and doctor name the file's error."""
    folder = tmp_path / "strategies"
    folder.mkdir()
    (folder / "broken.py").write_text("def\n")
    entries = registry.found() | registry.found(folder)
    monkeypatch.setattr(registry, "found", lambda _folder=None: entries)
    strategies_file(tmp_path / "data", "name: broken, symbols: [A]", "name: buy_and_hold, symbols: [B]")
    assert main(["config", "check"]) == 0
    warning, order = capsys.readouterr().out.splitlines()
    assert warning.startswith("warning: strategy broken cannot be used: ")
    assert order.startswith("configuration in order")
    state = next(finding.state for finding in examine() if finding.what == "configuration")
    assert state == "note"


@pytest.mark.parametrize("feed", [("--feed", "bogus"), ("--feed", "replay:/nowhere.csv"), ("nothing_like_it",)])
def test_arguments_a_session_cannot_use_start_no_database(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, feed: tuple[str, ...]
) -> None:
    """An unknown feed, a missing file and an unknown strategy are refused before an installation is made."""
    refused(capsys, "trade", *feed)
    assert not (tmp_path / "data").exists()


def test_an_error_nobody_expected_is_a_redacted_json_line_in_the_log(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The traceback goes through the common log, which rotates and hides secrets; the terminal gets one line."""

    def fail(_arguments: object) -> int:
        raise RuntimeError("at postgresql://me:hunter2@host/db")

    monkeypatch.setattr(tools, "version", fail)
    code, said = refused(capsys, "--version")
    text = (tmp_path / "data/logs/cli.log").read_text()
    assert (code, "cli.log" in said) == (1, True)
    assert "Traceback" in json.loads(text)["exception"]
    assert "hunter2" not in text


@pytest.mark.parametrize("out", ["file/out", "file", "/proc/none/out"])
def test_an_impossible_out_is_refused_in_one_line_before_the_backtest(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, out: str
) -> None:
    """A folder that cannot be made is told with what to do, not as an error of the operating system."""
    (tmp_path / "file").touch()
    code, said = refused(capsys, *SPY, "--out", str(tmp_path / out))
    assert code == 1
    assert "cannot be written" in said
    assert "name a folder" in said


def test_an_interrupt_inside_a_backtest_leaves_no_half_written_folder(tmp_path: Path) -> None:
    """Ctrl-C while it computes and writes: exit 130, one line, and beside the folder that was asked for nothing either."""
    place = tmp_path / "results"
    process = subprocess.Popen([*PI5, *SPY, "--engine", "event", "--out", str(place / "out")], stderr=subprocess.PIPE, text=True)
    until = time.monotonic() + 30.0
    while not list(place.glob("*/files")):
        assert time.monotonic() < until
        time.sleep(0.001)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (130, "./pi5: interrupted\n")
    assert list(place.iterdir()) == []


def interrupted(out: Path) -> None:
    """Begin to write into ``out`` and be interrupted."""
    with output_folder(out) as draft:
        (draft / "fills.csv").write_text("half")
        raise KeyboardInterrupt


def test_an_out_that_is_there_keeps_its_files_until_all_new_ones_are_written(tmp_path: Path) -> None:
    """An interrupt in the middle of writing changes nothing; the next writing replaces what it names and keeps the rest."""
    out = tmp_path / "out"
    out.mkdir()
    (out / "fills.csv").write_text("old")
    (out / "notes.txt").write_text("mine")
    with pytest.raises(KeyboardInterrupt):
        interrupted(out)
    assert ((out / "fills.csv").read_text(), list(tmp_path.glob(".out*"))) == ("old", [])
    with output_folder(out) as draft:
        (draft / "fills.csv").write_text("new")
    assert {path.name: path.read_text() for path in out.iterdir()} == {"fills.csv": "new", "notes.txt": "mine"}


def test_logs_without_a_name_are_one_story_in_order_of_time(capsys: pytest.CaptureFixture[str]) -> None:
    """Lines of several logs merge by their instants, whatever their form; a line without one stays behind its own."""
    logs = Path(os.environ["PI5_DATA"]) / "logs"
    logs.mkdir(parents=True)
    (logs / "up.log").write_text(
        '{"timestamp": "2026-01-02T03:04:05.5Z", "level": "info", "event": "second"}\n'
        '{"timestamp": "2026-01-02T03:04:09Z", "level": "info", "event": "sold", "side": -1, "bar_time": 883717200000000}\n'
    )
    (logs / "database.log").write_text("2026-01-02 03:04:05.100 UTC [7] LOG:  first\n2026-01-02 03:04:07.000 UTC [7] LOG:  third\n")
    (logs / "session.out").write_text("2026-01-02T03:04:08.000000Z [info] \x1b[31mfourth\x1b[0m\n  its continuation\n")
    assert main(["logs"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "database: 2026-01-02 03:04:05.100 UTC [7] LOG:  first",
        "up: 2026-01-02T03:04:05.5Z info: second",
        "database: 2026-01-02 03:04:07.000 UTC [7] LOG:  third",
        "session: 2026-01-02T03:04:08.000000Z [info] fourth",
        "session:   its continuation",
        "up: 2026-01-02T03:04:09Z info: sold side=sell bar_time=1998-01-02T05:00:00Z",
    ]


def test_a_clock_time_without_a_date_is_the_latest_before_the_file_ended() -> None:
    """Prefect's lines have no date: one that would lie behind the file's last change is of the day before."""
    written = datetime(2026, 1, 2, 0, 0, 5, tzinfo=UTC).astimezone()
    clock = [(written - timedelta(seconds=ago)).strftime("%H:%M:%S.000 | INFO") for ago in (10, 1)]
    found = [when for when, _ in dated(clock, written)]
    assert found == [written - timedelta(seconds=10), written - timedelta(seconds=1)]


def test_instants_for_people_have_no_microseconds() -> None:
    """Tables show UTC to the second, whatever the zone and form of what is stored."""
    assert brief("2026-01-02T03:04:05.123456+00:00") == "2026-01-02 03:04:05 UTC"
    assert brief(datetime(2026, 1, 2, 3, 4, 5, 123456, tzinfo=UTC)) == "2026-01-02 03:04:05 UTC"
    assert brief(None) == "-"


def test_status_of_a_stopped_database_says_unknown(capsys: pytest.CaptureFixture[str]) -> None:
    """Nobody knows whether there was a session while the database is stopped."""
    assert main(["status"]) == 0
    lines = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines() if line.startswith("session"))
    assert lines == {"session": "unknown"}
