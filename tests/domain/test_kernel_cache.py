"""The compiled loop on disk belongs to the rules it was compiled from."""

import numba
import pytest

from domain import kernel
from domain.rules import accounting


def test_a_changed_rule_constant_changes_the_stamp(monkeypatch: pytest.MonkeyPatch) -> None:
    """A constant that a rule reads is part of what the compiled code is."""
    before = kernel._rules_stamp()
    monkeypatch.setattr(accounting, "_NO_FRACTION", 0.5)
    assert kernel._rules_stamp() != before


def test_a_changed_rule_body_changes_the_stamp(monkeypatch: pytest.MonkeyPatch) -> None:
    """The code of every registered rule is part of the stamp."""
    before = kernel._rules_stamp()
    changed = [*kernel.RULES[:-1], accounting.value_of]
    monkeypatch.setattr(kernel, "RULES", changed)
    assert kernel._rules_stamp() != before


@pytest.mark.skipif(numba.config.DISABLE_JIT, reason="nothing is compiled with NUMBA_DISABLE_JIT")
def test_the_cached_loop_carries_the_stamp_of_the_rules() -> None:
    """Numba compares this stamp before it takes compiled code from disk, that of each function the loop calls too."""
    assert kernel.loop in kernel.COMPILED
    for function in kernel.COMPILED:
        assert function._cache._cache_file._source_stamp[1] == kernel._rules_stamp()
