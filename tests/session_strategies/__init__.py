"""Strategies of the session tests: one with exits, one that places its own orders."""
