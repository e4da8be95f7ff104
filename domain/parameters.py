"""The parameters of a strategy, read off the annotated fields of its dataclass."""

from __future__ import annotations

import functools
import math
import typing
from dataclasses import MISSING, dataclass, fields
from numbers import Integral, Real
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from domain.errors import InputError, nearest

if TYPE_CHECKING:
    from collections.abc import Mapping

LONGEST_WINDOW: Final = 10_000
"""The largest integer a parameter takes unless its field says otherwise: 40 years of sessions, 25 sessions of minutes."""


@dataclass(frozen=True, slots=True)
class Search:
    """The range the optimiser may search for a parameter, both ends included."""

    low: float
    high: float
    step: float | None = None


@dataclass(frozen=True, slots=True)
class Between:
    """The values a parameter may take, both ends included. Without it integers are 1 to 10,000 and floats any finite number."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter: its name, type (int, float, bool or str), default, allowed values and search range."""

    name: str
    kind: type
    default: Any
    between: Between | None = None
    choices: tuple[str, ...] = ()
    search: Search | None = None

    @property
    def allowed(self) -> str:
        """What the parameter takes, in words."""
        if self.choices:
            return "one of " + ", ".join(self.choices)
        words = {int: "a whole number", float: "a number", bool: "true or false", str: "a text"}[self.kind]
        return f"{words} from {self.between.low:g} to {self.between.high:g}" if self.between else words

    def check(self, value: Any) -> Any:
        """Return ``value`` as the parameter's type; raise InputError where it is of another type or outside its bounds."""
        checked = _CHECKS[self.kind](value)
        if checked is None or (self.choices and checked not in self.choices):
            hint = nearest(value, self.choices) if self.choices and isinstance(value, str) else ""
            raise InputError(f"parameter {self.name} must be {self.allowed}, got {_shown(value)}{hint and '; '}{hint.strip()}")
        if self.between and not self.between.low <= checked <= self.between.high:
            raise InputError(f"parameter {self.name} must be {self.allowed}, got {_shown(value)}")
        return checked

    def parse(self, text: str) -> Any:
        """Return the value written as ``text``, as on a command line; raise InputError where it is none."""
        return self.check(_PARSERS[self.kind](text))


def parameters_of(owner: type) -> tuple[Parameter, ...]:
    """Return the parameters of the dataclass ``owner`` in the order of its fields; raise InputError for one it cannot have."""
    return _parameters_of(owner)


@functools.cache  # every creation of a strategy asks, thousands of times in a sweep
def _parameters_of(owner: type) -> tuple[Parameter, ...]:
    hints = typing.get_type_hints(owner, include_extras=True)
    return tuple(_parameter(field.name, hints[field.name], field.default) for field in fields(owner))


def known(owner: type, name: str, given: Mapping[str, Any]) -> Mapping[str, Parameter]:
    """Return the parameters of ``owner`` by name; raise InputError where ``given`` names another. ``name`` is the strategy's."""
    specs = _by_name(owner)
    for key in given:
        if key not in specs:
            has = f"it has {', '.join(specs)}" if specs else "it has none"
            raise InputError(f"parameter {str(key)[:40]!r} of {name} is unknown: {nearest(str(key), specs)}{has}")
    return specs


@functools.cache
def _by_name(owner: type) -> Mapping[str, Parameter]:
    return {parameter.name: parameter for parameter in parameters_of(owner)}


def _parameter(name: str, hint: Any, default: Any) -> Parameter:
    kind, *extras = typing.get_args(hint) if typing.get_origin(hint) is Annotated else (hint,)
    choices: tuple[str, ...] = ()
    if typing.get_origin(kind) is Literal:
        choices, kind = typing.get_args(kind), str
    if kind not in _CHECKS or not all(isinstance(choice, str) for choice in choices):
        raise InputError(f"parameter {name} must be annotated as int, float, bool, str or a Literal of texts, not {hint}")
    if default is MISSING:
        raise InputError(f"parameter {name} needs a default, such as {name}: int = 10")
    between = next((extra for extra in extras if isinstance(extra, Between)), None)
    search = next((extra for extra in extras if isinstance(extra, Search)), None)
    if between is None and kind is int:
        between = Between(1, LONGEST_WINDOW)
    return Parameter(name, kind, default, between, choices, search)


def _integer(value: Any) -> int | None:
    if type(value) is int:  # the usual one, without asking an abstract class
        return value
    return int(value) if isinstance(value, Integral) and not isinstance(value, bool) else None


def _number(value: Any) -> float | None:
    if not isinstance(value, Real) or isinstance(value, bool):
        return None
    try:
        number = float(value)
    except OverflowError:  # an int beyond 1e308
        return None
    return number if math.isfinite(number) else None


_CHECKS: Final[dict[type, Any]] = {
    int: _integer,
    float: _number,
    bool: lambda value: value if isinstance(value, bool) else None,
    str: lambda value: value if isinstance(value, str) else None,
}


def _parse_with(convert: Any) -> Any:
    def parse(text: str) -> Any:
        try:
            return convert(text)
        except ValueError:
            return text  # the check names what was given and what is allowed

    return parse


_PARSERS: Final[dict[type, Any]] = {
    int: _parse_with(int),
    float: _parse_with(float),
    bool: lambda text: {"true": True, "false": False}.get(text.strip().lower(), text),
    str: str,
}


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else text[:37] + "..."
