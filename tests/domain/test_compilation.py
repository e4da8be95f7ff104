"""What compiled code can do beside the rules."""

import numba
import numpy as np
import pytest

from domain.compilation import prefetch


def _ahead(values: np.ndarray, index: int, far: int) -> float:
    prefetch(values, index + far)
    return float(values[index])


compiled_ahead = numba.njit(_ahead)


@pytest.mark.parametrize("far", [1, -1, 10**9, -(10**9)])
def test_a_prefetch_changes_nothing_even_outside_the_array(far: int) -> None:
    """The bar after the last one of a run has no line to be asked for."""
    values = np.arange(4.0)
    assert compiled_ahead(values, 3, far) == _ahead(values, 3, far) == 3.0
    assert values.tolist() == [0.0, 1.0, 2.0, 3.0]


@pytest.mark.skipif(numba.config.DISABLE_JIT, reason="nothing is compiled with NUMBA_DISABLE_JIT")
def test_compiled_code_has_the_instruction_and_no_call() -> None:
    """A call for each bar would cost more than the wait it saves."""
    compiled_ahead(np.arange(4.0), 0, 1)
    (text,) = compiled_ahead.inspect_asm().values()
    instructions = [line.split() for line in text.splitlines() if line.startswith("\t")]
    assert [parts for parts in instructions if parts[0].startswith(("prefetch", "prfm"))]
    (text,) = compiled_ahead.inspect_llvm().values()
    called = [line for line in text.splitlines() if " call " in line or " invoke " in line]
    assert [line for line in called if "@llvm.prefetch" in line]
    assert not [line for line in called if "compiled_prefetch" in line]
