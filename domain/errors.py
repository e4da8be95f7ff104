"""The errors of the system, by who has to act.

::

    TradingError
    |- InputError            the caller gave something wrong: refuse, change nothing       (exit 2)
    |- ConfigurationError    the configuration is wrong: name the field and what is allowed (exit 78)
    |- DataError             bars, files or a database answer cannot be used               (exit 1)
    |- ProviderError         somebody else failed: try again or fail over                  (exit 1)
    |- AlreadyRunning        another process holds the lock                                (exit 7)
    |- Fenced                this process is no longer the writer of its account: stop     (exit 7)
    `- InvariantViolated     our own books are wrong: halt, never continue                 (exit 1)
"""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches


class TradingError(Exception):
    """An error whose message says what was given, what is allowed and what to do."""

    exit_code = 1


class InputError(TradingError):
    """An argument that cannot be used."""

    exit_code = 2


class ConfigurationError(TradingError):
    """A configuration that is refused whole."""

    exit_code = 78


class DataError(TradingError):
    """Bars, a file or a database that cannot be used."""


class ProviderError(TradingError):
    """A market data provider or broker that failed or answered with nothing."""


class AlreadyRunning(TradingError):
    """Another process does this already."""

    exit_code = 7


class Fenced(TradingError):
    """A newer session took over this account; nothing more may be written."""

    exit_code = 7


class InvariantViolated(TradingError):
    """The books contradict themselves; trading halts."""


def nearest(given: str, allowed: Iterable[str]) -> str:
    """Return ``did you mean 'x'? `` for the allowed name nearest to ``given``, or an empty string."""
    match = get_close_matches(given, list(allowed), n=1, cutoff=0.5)
    return f"did you mean {match[0]!r}? " if match else ""


def repeated(names: Sequence[str]) -> list[str]:
    """Return each name that stands more than once, sorted."""
    return sorted({name for name in names if names.count(name) > 1})
