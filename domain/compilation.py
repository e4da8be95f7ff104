"""Compiled functions, and the rules that are compiled into them."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Any, Final

import numba
from numba.core import cgutils, types
from numba.extending import intrinsic, overload, register_jitable
from numba.np.arrayobj import make_array

from domain import rules
from domain.rules.rule import RULES

if TYPE_CHECKING:
    from collections.abc import Callable

COMPILED: Final[list[Any]] = []
"""Every function that is compiled and kept on disk."""

for _module in iter_modules(rules.__path__, f"{rules.__name__}."):
    import_module(_module.name)  # all of them, in whatever order a command imports the rest
for _rule in RULES:
    register_jitable(no_cfunc_wrapper=True)(_rule)


def compiled[F: Callable[..., Any]](function: F) -> F:
    """Compile ``function`` when it is called first, and keep the code on disk as long as the rules stay as they are.

    One whose name begins with an underscore is called by compiled code alone.
    """
    return _compiled(function, into_callers=False)


def inlined[F: Callable[..., Any]](function: F) -> F:
    """Compile ``function`` into its callers: for what runs at every order, and stands apart only to be read."""
    return _compiled(function, into_callers=True)


def _compiled[F: Callable[..., Any]](function: F, *, into_callers: bool) -> F:
    inside = function.__name__.startswith("_")
    made = numba.njit(cache=True, error_model="numpy", no_cpython_wrapper=inside, no_cfunc_wrapper=True, forceinline=into_callers)(
        function
    )
    if not numba.config.DISABLE_JIT:  # numba itself looks at the time stamp of this function's file alone
        index = made._cache._cache_file  # noqa: SLF001 - numba has no public way; a test holds it
        index._source_stamp = (index._source_stamp, _stamp())  # noqa: SLF001
    COMPILED.append(made)
    return made  # type: ignore[no-any-return]  # numba has no types


@cache
def _stamp() -> str:
    """Return the stamp of the rules as they were loaded."""
    return rules_stamp()


def rules_stamp() -> str:
    """Return a fingerprint of what is compiled into callers: every rule and ``prefetch``, with the module constants they read.

    It is the same in every process, so that commands that import modules in another order share what is on disk.
    """
    digest = hashlib.sha256()
    for function in sorted((*RULES, _write_prefetch), key=lambda one: (one.__module__, one.__qualname__)):
        code = function.__code__
        constants = {name: function.__globals__.get(name) for name in code.co_names}
        numbers = {name: value for name, value in constants.items() if isinstance(value, int | float)}
        digest.update(
            repr((function.__module__, function.__qualname__, code.co_code, code.co_consts, code.co_names, numbers)).encode()
        )
    return digest.hexdigest()


def prefetch(array: Any, index: int) -> None:
    """Ask for the cache line of ``array[index]`` ahead of its reading; an index outside does no harm.

    The array has one dimension and no gaps.
    """
    del array, index


def _write_prefetch(context: Any, builder: Any, signature: Any, values: Any) -> Any:
    """Write the instruction of ``prefetch`` into the code of its caller."""
    data = make_array(signature.args[0])(context, builder, values[0]).data
    line = builder.bitcast(builder.gep(data, [values[1]]), cgutils.voidptr_t)
    takes = cgutils.ir.FunctionType(cgutils.ir.VoidType(), [cgutils.voidptr_t, *[cgutils.int32_t] * 3])
    asks = builder.module.declare_intrinsic("llvm.prefetch", [cgutils.voidptr_t], takes)
    builder.call(asks, [line, *map(cgutils.int32_t, (0, 3, 1))])  # a read, kept in all caches, of data
    return context.get_dummy_value()


@intrinsic  # type: ignore[untyped-decorator]  # numba has no types
def _prefetch(typing: Any, array: Any, index: Any) -> Any:
    """Return the type of the compiled ``prefetch`` and what writes its instruction."""
    del typing
    return types.none(array, index), _write_prefetch


@overload(prefetch)  # type: ignore[untyped-decorator]
def _compiled_prefetch(array: Any, index: Any) -> Any:
    """Return what compiled code does for ``prefetch``."""
    del array, index

    def ask(array: Any, index: Any) -> Any:
        return _prefetch(array, index)

    return ask
