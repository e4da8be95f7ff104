"""The compiled loop on disk belongs to the rules it was compiled from."""

import subprocess
import sys
from pathlib import Path

import numba
import pytest

from domain import compilation, kernel_loop
from domain.rules import accounting

ROOT = Path(__file__).parents[2]


def told_elsewhere(script: str) -> str:
    """Return what a script prints in a process of its own."""
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60)
    return done.stdout.strip()


def test_a_changed_rule_constant_changes_the_stamp(monkeypatch: pytest.MonkeyPatch) -> None:
    """A constant that a rule reads is part of what the compiled code is."""
    before = compilation.rules_stamp()
    monkeypatch.setattr(accounting, "_NO_FRACTION", 0.5)
    assert compilation.rules_stamp() != before


def test_a_changed_rule_body_changes_the_stamp(monkeypatch: pytest.MonkeyPatch) -> None:
    """The code of every registered rule is part of the stamp."""
    before = compilation.rules_stamp()
    changed = [*compilation.RULES[:-1], accounting.value_of]
    monkeypatch.setattr(compilation, "RULES", changed)
    assert compilation.rules_stamp() != before


def test_what_compiled_code_gets_beside_the_rules_is_in_the_stamp(monkeypatch: pytest.MonkeyPatch) -> None:
    """Numba looks at the file of the caller alone."""
    before = compilation.rules_stamp()
    monkeypatch.setattr(compilation, "_write_prefetch", accounting.value_of)
    assert compilation.rules_stamp() != before


@pytest.mark.parametrize(
    "first", ["domain.kernel_loop", "domain.sweep_loop", "tasks.backtest", "domain.rules.sizing, domain.engine"]
)
def test_the_stamp_does_not_depend_on_what_is_imported_first(first: str) -> None:
    """Else a back-test of the command line and one of a flow would compile in turns, each giving up what the other had."""
    told = told_elsewhere(f"import {first}; from domain.compilation import rules_stamp; print(rules_stamp())")
    assert told == compilation.rules_stamp()


def test_every_rule_is_known_whatever_asks_for_compilation() -> None:
    """A module of rules that only one of the passes imports belongs to the stamp of all."""
    told = told_elsewhere("import domain.sweep_loop; from domain.rules.rule import RULES; print(len(RULES))")
    assert int(told) == len(compilation.RULES)


@pytest.mark.skipif(numba.config.DISABLE_JIT, reason="nothing is compiled with NUMBA_DISABLE_JIT")
def test_the_cached_loop_carries_the_stamp_of_the_rules() -> None:
    """Numba compares this stamp before it takes compiled code from disk, that of each function the loop calls too."""
    assert kernel_loop.loop in compilation.COMPILED
    for function in compilation.COMPILED:
        assert function._cache._cache_file._source_stamp[1] == compilation.rules_stamp()
