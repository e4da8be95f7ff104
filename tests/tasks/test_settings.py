"""The configuration: layers, origins, and every bad value refused with file, line, what was given and what is allowed."""

from __future__ import annotations

import math
import os
import resource
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from pydantic import ValidationError

from domain.errors import ConfigurationError
from domain.rules.costs import Costs
from domain.rules.limits import Limits
from tasks.settings import (
    DEFAULT_CONFIGURATION,
    Settings,
    describe,
    installation,
    load_settings,
    settings_of_a_run,
    shipped_settings,
    where,
)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Return the path of a file to be."""
    return tmp_path / "config.yaml"


def load(config: Path, text: str, environment: dict[str, str] | None = None) -> Settings:
    """Return the settings of a file with ``text``."""
    config.write_text(textwrap.dedent(text))
    return load_settings(config, environment or {})


def refusal(config: Path, text: str, environment: dict[str, str] | None = None) -> str:
    """Return the message that refuses a file with ``text``."""
    with pytest.raises(ConfigurationError) as caught:
        load(config, text, environment)
    assert caught.value.exit_code == 78
    return str(caught.value)


def risk(value: str, field: str = "max_position_size") -> str:
    """Return a file that sets one limit."""
    return f"risk_management:\n  {field}: {value}\n"


def test_shipped_configuration_enables_the_four_strategies_each_on_its_own_symbols() -> None:
    """What a fresh installation runs is valid and has no shared symbol."""
    settings = shipped_settings()
    names = [entry.name for entry in settings.enabled]
    assert names == ["moving_average_crossover", "rsi_mean_reversion", "momentum_trend", "buy_and_hold"]
    symbols = [symbol for entry in settings.enabled for symbol in entry.symbols]
    assert len(symbols) == len(set(symbols)) == 4
    assert settings.risk_management.limits() == Limits(0.3, 1.0, 0.03, 0.25)
    assert settings.costs.rates() == Costs(0.0005, 0.0001)


def test_file_overrides_single_values_and_leaves_the_rest_shipped(config: Path) -> None:
    """A person's file may hold one key; the others keep the shipped value and its origin."""
    settings = load(config, risk("0.5"))
    assert settings.risk_management.max_position_size == 0.5
    assert settings.risk_management.max_drawdown == 0.25
    origins = {row.name: row.origin for row in describe(settings)}
    assert origins["risk_management.max_position_size"] == f"{config}:2"
    assert origins["risk_management.max_drawdown"].startswith(str(DEFAULT_CONFIGURATION))


def test_list_of_strategies_in_the_file_replaces_the_shipped_one(config: Path) -> None:
    """Strategies are one decision: nobody's list is mixed with ours; what an entry leaves out is a default."""
    settings = load(config, "strategies:\n  - name: buy_and_hold\n    symbols: [brk.b]\n")
    (entry,) = settings.strategies
    assert entry.symbols == ("BRK.B",)
    assert (entry.enabled, entry.timeframe, dict(entry.parameters), entry.sizing) == (True, "1d", {}, None)
    assert where(settings, "strategies", 0, "symbols") == f"{config}:3"
    assert where(settings, "strategies", 0, "timeframe") == "default"


def test_settings_and_their_parameters_cannot_be_changed() -> None:
    """One immutable object: a reload makes a new one."""
    settings = shipped_settings()
    with pytest.raises(ValidationError):
        settings.risk_management.max_drawdown = 0.9  # type: ignore[misc]  # the refusal is what is tested
    with pytest.raises(TypeError):
        settings.strategies[0].parameters["fast"] = 1  # type: ignore[index]  # the refusal is what is tested


@pytest.mark.parametrize(
    ("text", "line"), [("", 1), ("# only a comment\n", 1), ("a: [1\n", 2), ("system:\n\tlog_level: info\n", 2)]
)
def test_file_that_is_empty_or_no_yaml_or_indented_with_tabs_is_refused_with_its_line(config: Path, text: str, line: int) -> None:
    """Broken files name the place to look at."""
    assert refusal(config, text).startswith(f"{config}:{line}: ")


def test_unknown_key_is_refused_with_the_nearest(config: Path) -> None:
    """A typing error never switches a limit off in silence."""
    message = refusal(config, risk("0.1", "max_positon_size"))
    assert message.startswith(f"{config}:2: max_positon_size is no setting of risk_management: did you mean 'max_position_size'?")
    assert "did you mean 'system'" in refusal(config, "sistem: {log_level: info}")
    assert "did you mean 'symbols'" in refusal(config, "strategies: [{name: a, symbols: [A], symbls: [B]}]")


def test_duplicate_key_is_refused_naming_both_lines(config: Path) -> None:
    """YAML's last-one-wins would hide the first value."""
    message = refusal(config, "risk_management:\n  max_drawdown: 0.1\n  max_drawdown: 0.9\n")
    assert message == f"{config}:3: risk_management.max_drawdown stands twice, first on line 2"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("system: &x {log_level: info}\n", "anchors"),
        ("system: {log_level: *x}\n", "anchors"),
        ("system: !!python/object/apply:os.system [id]\n", "tags"),
        ("system: {log_level: !custom info}\n", "tags"),
        ("system: {log_level: info}\n---\nsystem: {log_level: info}\n", "second document"),
        ("? [a, b]\n: 1\n", "plain word"),
        ("system: " + "[" * 5000, "levels deep"),
        ("system: " + "{b: " * 5000, "levels deep"),
        ("strategies: [" + "1," * 50_000 + "]", "at most 20000 values"),
        ("system: {log_level: \x00}\n", "control characters"),
        ("_env_file: /etc/passwd\n", "no setting"),
    ],
    ids=[
        "anchor",
        "alias",
        "python-tag",
        "tag",
        "documents",
        "list-key",
        "deep-list",
        "deep-map",
        "many",
        "nul",
        "library-argument",
    ],
)
def test_yaml_beyond_plain_data_is_refused(config: Path, text: str, says: str) -> None:
    """No YAML feature reaches code or grows beyond its file."""
    message = refusal(config, text)
    assert message.startswith(f"{config}:")
    assert says in message


def test_hostile_files_are_refused_within_a_second_and_50_mib(tmp_path: Path) -> None:
    """An alias bomb and a 50 MiB file cost neither time nor memory."""
    bomb = tmp_path / "bomb.yaml"
    levels = [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    bomb.write_text("a0: &a0 [lol]\n" + "\n".join(levels))
    huge = tmp_path / "huge.yaml"
    huge.write_bytes(b"system: {log_level: info}\n" + b"#" * (50 << 20))
    program = textwrap.dedent("""
        import resource, sys, time
        from pathlib import Path
        from domain.errors import ConfigurationError
        from tasks.settings import load_settings
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        for name in sys.argv[1:]:
            start = time.process_time()
            try:
                load_settings(Path(name), {})
            except ConfigurationError:
                assert time.process_time() - start < 1.0
            else:
                raise SystemExit("accepted")
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50 * 1024
    """)
    subprocess.run([sys.executable, "-c", program, str(bomb), str(huge)], check=True, timeout=60)


def test_largest_accepted_file_is_read_within_a_second(config: Path) -> None:
    """The bound on size is low enough for what it lets through."""
    entries = "".join(f"  - {{name: s{n}, enabled: false, symbols: [A{n}]}}\n" for n in range(2500))
    start = resource.getrusage(resource.RUSAGE_SELF).ru_utime
    assert len(load(config, "strategies:\n" + entries).strategies) == 2500
    assert resource.getrusage(resource.RUSAGE_SELF).ru_utime - start < 1.0


def test_path_that_is_no_readable_text_file_is_refused(tmp_path: Path) -> None:
    """Absent, a directory, a FIFO (which must not block), other encodings."""
    fifo, binary = tmp_path / "fifo", tmp_path / "utf16.yaml"
    os.mkfifo(fifo)
    binary.write_bytes("system: {}".encode("utf-16"))
    for path in (tmp_path / "absent.yaml", tmp_path, fifo, binary):
        with pytest.raises(ConfigurationError, match=str(path)):
            load_settings(path, {})


@pytest.mark.parametrize(
    "value", ["10", "-0.1", '"0.1"', ".nan", ".inf", "-.inf", "1e309", "1000 %", "0", "true", "[0.1]", "null", ""]
)
def test_position_limit_that_is_no_fraction_is_refused_with_what_is_allowed(config: Path, value: str) -> None:
    """Ten is 1000 %, text is no number, infinity no bound; null is not the word off."""
    message = refusal(config, risk(value))
    assert message.startswith(f"{config}:2: risk_management.max_position_size")
    assert "off" in message


@pytest.mark.parametrize("value", ["0", "0.0", "1", "2", "no", "false", '"0.02"'])
@pytest.mark.parametrize("field", ["daily_loss_limit", "max_drawdown"])
def test_loss_limit_of_nothing_or_everything_is_refused(config: Path, field: str, value: str) -> None:
    """0 would stop every entry and 1 none: both must be said in words."""
    message = refusal(config, risk(value, field))
    assert f"risk_management.{field} is " in message
    assert "above 0 and below 1" in message


def test_explicit_off_switches_a_limit_off(config: Path) -> None:
    """The one way to trade without a limit is to write so."""
    settings = load(config, risk("off", "daily_loss_limit"))
    assert settings.risk_management.daily_loss_limit is None
    assert settings.risk_management.limits().daily_loss_limit == math.inf
    assert {row.name: row.value for row in describe(settings)}["risk_management.daily_loss_limit"] == "off"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("system: {log_level: debg}", "did you mean 'debug'?"),
        ("system: {environment: live}", "trading real money is not there yet"),
        ("system: 5", "allowed is a section with environment, log_level"),
        ("costs:", "costs is nothing"),
        ("session: {speed: 0}", "or the word max"),
        ("session: {feed: yahoo}", "not there yet"),
        ("session: {feed: 'replay:'}", "replay:PATH"),
        ("session: {initial_cash: 0}", "above 0"),
        ("session: {initial_cash: 1e309}", "above 0"),
        ("costs: {commission_bps: -1}", "from 0 to 1000"),
        ("broker: {name: alpaca}", "'paper'"),
        ("broker: {account: 'a b'}", "a-z, 0-9 and _"),
        ("data_providers: {backup: yahooo}", "none"),
        ("schedules: {timezone: Mars/Phobos}", "'Mars/Phobos' is no time zone"),
        ("schedules: {timezone: ../../etc/passwd}", "is no time zone"),
        ("schedules: {ingest: 0 25 * * *}", "hour '25'"),
        ("schedules: {ingest: 0 9 * *}", "needs five"),
        ("schedules: {ingest: 5}", "five fields"),
        ("strategies: 5", "list of entries"),
        ("strategies: [5]", "name and symbols"),
        ("strategies: [{name: a}]", "strategies[0].symbols is missing"),
        ("strategies: [{name: a, symbols: []}]", "is an empty list"),
        ("strategies: [{name: a, symbols: SPY}]", "such as [SPY, QQQ]"),
        ("strategies: [{name: a, symbols: [SPY, spy]}]", "SPY stands twice"),
        ("strategies: [{name: a, symbols: [SPY], timeframe: 1w}]", "allowed are 1m"),
        ("strategies: [{name: a, symbols: [SPY], sizing: fixed_fracton:1}]", "did you mean 'fixed_fraction'?"),
        ("strategies: [{name: a, symbols: [SPY], sizing: 'fixed_fraction:-1'}]", "positive"),
        ("strategies: [{name: a, symbols: [SPY], parameters: {fast: .nan}}]", "fast is nan"),
        ("strategies: [{name: a, symbols: [SPY], parameters: {fast: [1]}}]", "fast is [1]"),
        ("strategies: [{name: a, symbols: [A]}, {name: a, symbols: [B]}]", "list its symbols in one entry"),
        ("strategies: [{name: a, symbols: [A]}, {name: b, symbols: [B], timeframe: 1h}]", "use one timeframe"),
        ("- system", "sections by name"),
    ],
)
def test_bad_value_is_refused_with_file_line_and_what_is_allowed(config: Path, text: str, says: str) -> None:
    """Each field's message tells a person what to write instead."""
    message = refusal(config, text)
    assert message.startswith(f"{config}:1: ")
    assert says in message


@pytest.mark.parametrize("symbol", ["''", "AAPL;DROP TABLE", "../x", "A" * 200, "\U0001f600", "5", "null"])
def test_symbol_that_cannot_be_one_is_refused(config: Path, symbol: str) -> None:
    """Nothing that is no symbol reaches a query or a path."""
    assert "strategies[0].symbols[0]" in refusal(config, f"strategies: [{{name: a, symbols: [{symbol}]}}]")


def test_tickers_that_yaml_takes_for_booleans_or_dates_stay_symbols(config: Path) -> None:
    """ON, NO and Y are shares: the reader knows true and false alone."""
    settings = load(config, "strategies: [{name: a, symbols: [ON, no, Y, brk.b]}]")
    assert settings.strategies[0].symbols == ("ON", "NO", "Y", "BRK.B")


def test_symbol_of_two_enabled_strategies_is_refused_and_of_a_disabled_one_accepted(config: Path) -> None:
    """One owner a symbol; what does not trade owns nothing."""
    entries = "strategies:\n  - {{name: a, symbols: [SPY]}}\n  - {{name: b, enabled: {}, symbols: [QQQ, spy]}}\n"
    message = refusal(config, entries.format("true"))
    assert message.startswith(f"{config}:3: strategies[1].symbols has SPY, which a trades")
    assert len(load(config, entries.format("false")).enabled) == 1


@pytest.mark.parametrize("shares", [("false", "false"), ("true", "false"), ("false", "true")])
def test_symbol_of_two_strategies_is_refused_unless_both_share_it(config: Path, shares: tuple[str, str]) -> None:
    """Who trades alone would trade with another's position; the message names symbol, strategies and what to write."""
    entries = "strategies:\n  - {{name: a, shared: {}, symbols: [SPY]}}\n  - {{name: b, shared: {}, symbols: [QQQ, SPY]}}\n"
    message = refusal(config, entries.format(*shares))
    assert message == (
        f"{config}:3: strategies[1].symbols has SPY, which a trades: give each symbol to one enabled strategy, "
        "or set shared: true on a and b"
    )
    assert [entry.shared for entry in load(config, entries.format("true", "true")).enabled] == [True, True]


def test_sharing_is_true_or_false_and_false_by_default(config: Path) -> None:
    """A variable sets it as the file does, and ``config show`` tells it."""
    assert "strategies[0].shared is 'yes': allowed is true or false" in refusal(
        config, "strategies: [{name: a, symbols: [SPY], shared: yes}]"
    )
    settings = load(config, "strategies: [{name: a, symbols: [SPY]}]")
    assert not settings.strategies[0].shared
    changed = load(config, "strategies: [{name: a, symbols: [SPY]}]", {"PI5__STRATEGIES__A__SHARED": "true"})
    assert {row.name: row.value for row in describe(changed)}["strategies[0].shared"] == "true"


def test_all_wrong_values_are_named_at_once(config: Path) -> None:
    """Nobody mends a file one message at a time."""
    message = refusal(config, "system: {log_level: x}\nrisk_management: {max_drawdown: 2}\nnope: 1\n")
    assert len(message.splitlines()) == 3
    assert len(refusal(config, "strategies: [{name: a, symbols: ['']}]").splitlines()) == 1


def test_secret_in_the_file_is_refused_without_being_shown(config: Path) -> None:
    """Keys have no place here, and the message must not carry one into a log."""
    message = refusal(config, "broker:\n  api_key: hunter2\n")
    assert "never stand in this file" in message
    assert "hunter2" not in message


def test_environment_overrides_typed_values_and_is_named_as_origin(config: Path) -> None:
    """A variable wins over the file; strategies go by name or position."""
    settings = load(
        config,
        risk("0.5"),
        {
            "PI5__RISK_MANAGEMENT__MAX_POSITION_SIZE": "0.2",
            "PI5__RISK_MANAGEMENT__MAX_DRAWDOWN": "off",
            "PI5__SCHEDULES__INGEST": "* * * * *",
            "PI5__SESSION__SPEED": "max",
            "PI5__STRATEGIES__BUY_AND_HOLD__ENABLED": "false",
            "PI5__STRATEGIES__0__SYMBOLS": "[DIA]",
            "PI5__STRATEGIES__MOVING_AVERAGE_CROSSOVER__PARAMETERS__FAST": "7",
            "PI5_SINGLE": "is not ours",
        },
    )
    assert settings.risk_management.max_position_size == 0.2
    assert settings.risk_management.max_drawdown is None
    assert settings.schedules.ingest == "* * * * *"
    assert settings.session.speed == math.inf
    assert [entry.name for entry in settings.enabled][-1] == "momentum_trend"
    assert settings.strategies[0].symbols == ("DIA",)
    assert settings.strategies[0].parameters == {"fast": 7, "slow": 30}
    assert where(settings, "risk_management", "max_position_size") == "PI5__RISK_MANAGEMENT__MAX_POSITION_SIZE"


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("PI5__RISK_MANAGEMENT__DAILY_LOSS_LIMIT", "abc", "daily_loss_limit is 'abc'"),
        ("PI5__RISK_MANAGEMENT__DAILY_LOSS_LIMIT", "'0.02'", "daily_loss_limit is '0.02'"),
        ("PI5__RISK_MANAGEMENT__DAILY_LOSS_LIMIT", "", "is empty"),
        ("PI5__STRATEGIES__BUY_AND_HOLD__ENABLED", "1", "allowed is true or false"),
        ("PI5__STRATEGIES__BUY_AND_HOLD__SYMBOLS", "5", "list of at least one symbol"),
        ("PI5__RISK_MANAGEMENT__DAILY_LOS_LIMIT", "0.1", "did you mean 'PI5__RISK_MANAGEMENT__DAILY_LOSS_LIMIT'?"),
        ("PI5__STRATEGIES__9__ENABLED", "true", "no such setting"),
        ("PI5__", "1", "no such setting"),
    ],
)
def test_variable_of_wrong_type_or_name_is_refused_by_its_name(config: Path, name: str, value: str, says: str) -> None:
    """A misspelt override is never ignored."""
    message = refusal(config, risk("0.5"), {name: value})
    assert message.startswith(f"{name}:")
    assert says in message


def test_own_file_of_the_installation_is_read_where_it_is_there(tmp_path: Path) -> None:
    """Without a path the file in PI5_DATA counts, and its absence means the shipped one."""
    environment = {"PI5_DATA": str(tmp_path)}
    assert load_settings(environment=environment) == shipped_settings()
    (tmp_path / "config.yaml").write_text(risk("0.11"))
    assert load_settings(environment=environment).risk_management.max_position_size == 0.11


def test_installation_has_places_under_pi5_data_and_default_ports(tmp_path: Path) -> None:
    """Two values of PI5_DATA share nothing."""
    place = installation({"PI5_DATA": str(tmp_path), "PI5_WEB_PORT": "18080"})
    assert (place.data, place.logs, place.run, place.config) == (
        tmp_path,
        tmp_path / "logs",
        tmp_path / "run",
        tmp_path / "config.yaml",
    )
    assert (place.web_port, place.prefect_port, place.database_url) == (18080, 4200, None)


def test_installation_without_pi5_data_is_the_users_own() -> None:
    """Root has a system place, people one in their home."""
    data = installation({"HOME": "/home/someone"}).data
    assert data == (Path("/var/lib/pi5") if os.geteuid() == 0 else Path("/home/someone/.local/share/pi5"))
    assert installation({"HOME": "/home/someone", "PI5_DATA": "~/pi"}).data == Path("/home/someone/pi")


@pytest.mark.parametrize("port", ["0", "70000", "80", "-1", "8080.0", "abc", "٨٠٨٠", "999999999999"])
@pytest.mark.parametrize("name", ["PI5_WEB_PORT", "PI5_PREFECT_PORT"])
def test_port_that_cannot_be_bound_is_refused(name: str, port: str) -> None:
    """The message names variable, value and range."""
    with pytest.raises(ConfigurationError, match=f"{name} is .*1024 to 65535"):
        installation({name: port})


def test_equal_ports_and_a_file_as_data_directory_are_refused(tmp_path: Path) -> None:
    """Two servers never race for one port, and no data directory is a file."""
    with pytest.raises(ConfigurationError, match="both 4200"):
        installation({"PI5_WEB_PORT": "4200"})
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match="no directory"):
        installation({"PI5_DATA": str(tmp_path / "file")})


@pytest.mark.parametrize("url", ["mysql://u:hunter2@h/d", "hunter2", "postgresql://u:hunter2@h:port/d", "postgresql://[hunter2"])
def test_database_url_that_is_not_postgresql_is_refused_without_its_password(url: str) -> None:
    """A refusal and a printed installation both hide what is secret."""
    with pytest.raises(ConfigurationError, match="DATABASE_URL") as caught:
        installation({"DATABASE_URL": url})
    assert "hunter2" not in str(caught.value)
    assert "hunter2" not in repr(installation({"DATABASE_URL": "postgres://u:hunter2@h/d"}))


def test_database_url_gets_one_scheme() -> None:
    """Every reader sees the same form."""
    for scheme in ("postgres", "postgresql", "postgresql+psycopg"):
        assert installation({"DATABASE_URL": f"{scheme}://u:p@h/d"}).database_url == "postgresql://u:p@h/d"


def test_a_file_for_one_run_brings_the_strategies_it_writes_alone(tmp_path: Path) -> None:
    """A file of costs leaves timeframe and size of a back-test to its arguments: the shipped entries are for sessions."""
    path = tmp_path / "config.yaml"
    path.write_text("costs:\n  commission_bps: 1\n", "utf-8")
    assert settings_of_a_run(path).strategies == ()
    assert settings_of_a_run(path).costs.commission_bps == 1.0
    assert load_settings(path, {}).strategies == shipped_settings().strategies
    path.write_text("strategies:\n  - {name: buy_and_hold, symbols: [SPY]}\n", "utf-8")
    assert [entry.name for entry in settings_of_a_run(path).strategies] == ["buy_and_hold"]
