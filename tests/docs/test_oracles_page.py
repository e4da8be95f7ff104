"""The page of oracles lists every case, and names tests that exist."""

from __future__ import annotations

import csv
import gzip
import json
import re
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

TESTS = Path(__file__).parents[1]
ORACLES = TESTS / "oracles"
TEXT = (TESTS.parent / "docs" / "oracles.md").read_text()
SECTION = re.compile(r"^## `([^`]+)`$", re.MULTILINE)
ROW = re.compile(r"^\| `([^`]+)` \| [^|]* \|(?: ([^|]*) \|)?$", re.MULTILINE)
FOR_ALL = re.compile(r"^(?:Test: |(?=Not met: ))(.*)\.$", re.MULTILINE)
SUMMARY = re.compile(r"^\| \[([^]]+)\]\(#[\w]+\) \| [^|]* \| (\d+ of \d+) \|$", re.MULTILINE)
TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
NOT_MET = "Not met: "


def ids(name: str) -> list[str]:
    """Return the cases of an oracle file by the names the page gives them."""
    path = ORACLES / name
    if name.endswith(".csv.gz"):
        with gzip.open(path, "rt") as file:
            return [column for column in next(csv.reader(file)) if re.fullmatch(r"[a-z]+_\d+", column)]
    if name.endswith(".parquet"):
        return pq.read_table(path, columns=["symbol"])["symbol"].unique().to_pylist()
    content = json.loads(path.read_text())
    if name == "adjustment.json":
        return [file.partition("_")[2].partition(".")[0] for file in content["files"]]
    if name == "backtrader_tests.json":
        return [content["strategy"]["id"], *(one["indicator"] for one in content["indicator_checkpoints"])]
    return [named(case) for case in content.get("cases", [content])]


def named(case: dict[str, Any]) -> str:
    """Return the name of a case: its id, else what sets it apart from the others of its file."""
    if "id" in case:
        return str(case["id"])
    if "metric" in case:
        series = case["returns"] if isinstance(case["returns"], str) else f"six numbers at {case['cutoff']}"
        return f"{case['metric']} of {series}"
    if "setting" in case:
        return ", ".join(f"{key} {value:.3g}" for key, value in case["setting"].items())
    return str(case["symbol"]) if "symbol" in case else "_".join(case["symbols"])


def sections() -> dict[str, list[tuple[str, str]]]:
    """Return the rows of each file's section: the case, and its tests or why there is none, where it does not say so for all."""
    _, *parts = SECTION.split(TEXT)
    return {name: rows(body) for name, body in zip(parts[::2], parts[1::2], strict=True)}


def rows(body: str) -> list[tuple[str, str]]:
    """Return the rows of a section."""
    common = FOR_ALL.search(body)
    return [(case, own or (common[1] if common else "")) for case, own in ROW.findall(body)]


PAGE = sections()


@pytest.mark.parametrize("name", list(PAGE))
def test_every_case_of_a_file_is_on_the_page(name: str) -> None:
    """No case is missing, made up or named twice."""
    listed = [case for case, _ in PAGE[name]]
    assert listed == ids(name)
    assert len(set(listed)) == len(listed) > 0


def test_every_file_with_cases_is_on_the_page() -> None:
    """The others hold inputs and expected rows of these."""
    files = {path.name for path in ORACLES.glob("*.json")} | {"indicators_spy_2017_2018.csv.gz", "indicators_talib.parquet"}
    assert PAGE.keys() == files


def test_the_summary_counts_what_is_met() -> None:
    """One line a file, in the order of the sections."""
    counts = {name: sum(not met.startswith(NOT_MET) for _, met in cases) for name, cases in PAGE.items()}
    assert SUMMARY.findall(TEXT) == [(name, f"{counts[name]} of {len(cases)}") for name, cases in PAGE.items()]


@pytest.mark.parametrize(("name", "case", "met"), [(name, case, met) for name, cases in PAGE.items() for case, met in cases])
def test_a_case_has_a_test_that_exists_or_a_reason(name: str, case: str, met: str) -> None:
    """A test by its name in a file that reads the oracle; or no word of the case in any test."""
    if met.startswith(NOT_MET):
        others = [path for path in TESTS.rglob("test_*.py") if path != Path(__file__)]
        assert not [path.name for path in others if f'"{case}"' in path.read_text()]
        return
    tests = TEST.findall(met)
    assert tests
    for file, function in tests:
        code = (TESTS.parent / file).read_text()
        assert f"\ndef {function}(" in code, f"{file} has no {function}"
        assert name.partition(".")[0] in code, f"{file} does not read {name}"


def test_files_without_a_case_that_is_met_are_read_by_no_test() -> None:
    """Where one is, the page is out of date."""
    unmet = [name for name, cases in PAGE.items() if all(met.startswith(NOT_MET) for _, met in cases)]
    code = "".join(path.read_text() for path in TESTS.rglob("*.py") if path != Path(__file__))
    assert [name for name in unmet if name.partition(".")[0] in code] == []


def test_the_indicators_of_talib_are_named() -> None:
    """All 21 columns."""
    columns = [name for name in pq.read_schema(ORACLES / "indicators_talib.parquet").names if name not in {"symbol", "time"}]
    assert len(columns) == 21
    assert [name for name in columns if f"`{name}`" not in TEXT] == []


def test_copies_are_what_the_wide_folder_has(shared: Path) -> None:
    """Byte for byte, and no JSON there is missing here; the table of TA-Lib is cut to its first rows."""
    wide = [path for path in (shared / "oracles").iterdir() if path.is_file() and path.suffix in {".json", ".csv", ".gz"}]
    assert len(wide) > 15
    assert [path.name for path in wide if (ORACLES / path.name).read_bytes() != path.read_bytes()] == []
