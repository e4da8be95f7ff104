"""The mark of a rule, and the two roundings every rule shares."""

from collections.abc import Callable
from typing import Any

RULES: list[Callable[..., Any]] = []
"""Every rule of this package, in the order of definition: what the kernel compiles."""

_INTEGER_SHIFT = 6755399441055744.0  # 1.5 * 2**52: adding it leaves no room for a fraction


def rule[F: Callable[..., Any]](function: F) -> F:
    """Register ``function`` for compilation and return it unchanged, so that Python callers pay nothing."""
    RULES.append(function)
    return function


@rule
def rint(x: float) -> float:
    """Round half to even, for ``abs(x) < 2**51``; the same bits compiled and interpreted."""
    return (x + _INTEGER_SHIFT) - _INTEGER_SHIFT


@rule
def to_cents_of_a_cent(amount: float) -> float:
    """Round an amount of money half to even to 4 decimals."""
    return rint(amount * 10000.0) / 10000.0
