"""The compiled loop on disk belongs to the rules it was compiled from."""

import numba
import pytest

from domain import compilation, kernel_loop
from domain.rules import accounting


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


@pytest.mark.skipif(numba.config.DISABLE_JIT, reason="nothing is compiled with NUMBA_DISABLE_JIT")
def test_the_cached_loop_carries_the_stamp_of_the_rules() -> None:
    """Numba compares this stamp before it takes compiled code from disk, that of each function the loop calls too."""
    assert kernel_loop.loop in compilation.COMPILED
    for function in compilation.COMPILED:
        assert function._cache._cache_file._source_stamp[1] == compilation.rules_stamp()
