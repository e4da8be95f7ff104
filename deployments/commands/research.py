"""``strategies``: what may be back-tested and traded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deployments.output import print_json, say
from tasks import registry

if TYPE_CHECKING:
    import argparse

    from domain.parameters import Parameter


def strategies(arguments: argparse.Namespace) -> int:
    """List the strategies with their parameters and ranges."""
    entries = registry.found()
    if arguments.json:
        print_json([_document(entry) for entry in entries.values()])
        return 0
    for entry in entries.values():
        say(f"{entry.name}: {entry.description}" if entry.cls else f"{entry.name}: refused: {entry.error}")
        for parameter in entry.parameters:
            searched = f"; searched from {parameter.search.low:g} to {parameter.search.high:g}" if parameter.search else ""
            say(f"    {parameter.name} = {parameter.default}    {parameter.allowed}{searched}")
    return 0


def _document(entry: registry.StrategyEntry) -> dict[str, Any]:
    return {
        "name": entry.name,
        "description": entry.description,
        "parameters": [_parameter(parameter) for parameter in entry.parameters],
        "error": entry.error,
    }


def _parameter(parameter: Parameter) -> dict[str, Any]:
    between, search = parameter.between, parameter.search
    return {
        "name": parameter.name,
        "type": parameter.kind.__name__,
        "default": parameter.default,
        "range": [between.low, between.high] if between else None,
        "choices": list(parameter.choices) or None,
        "search": [search.low, search.high] if search else None,
        "allowed": parameter.allowed,
    }
