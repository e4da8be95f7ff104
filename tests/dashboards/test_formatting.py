"""Values as a person reads them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboards import formatting

MINUS = "\N{MINUS SIGN}"


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (formatting.number(1234567.891), "1,234,567.89"),
        (formatting.number(-0.5, signed=True), f"{MINUS}0.50"),
        (formatting.number(12.0, signed=True), "+12.00"),
        (formatting.number(-0.001, signed=True), "0.00"),
        (formatting.number(None), "\N{EN DASH}"),
        (formatting.number(float("nan")), "\N{EN DASH}"),
        (formatting.number(float("inf")), "\N{EN DASH}"),
        (formatting.percent(0.0213, signed=True), "+2.13 %"),
        (formatting.percent(-0.5), f"{MINUS}50.00 %"),
        (formatting.price(113.6881), "113.6881"),
        (formatting.price(280.5), "280.50"),
        (formatting.price(0.00001234), "0.000012"),
        (formatting.quantity(0.0015), "0.0015"),
        (formatting.quantity(-1200.0), f"{MINUS}1,200"),
        (formatting.span(1.9), "1 s"),
        (formatting.span(119.0), "119 s"),
        (formatting.span(7300.0), "2 h"),
    ],
)
def test_a_value_reads_as_expected(shown: str, expected: str) -> None:
    """Grouping, signs, decimals and the dash for what is undefined."""
    assert shown == expected


def test_a_time_in_another_zone_is_shown_in_utc() -> None:
    """Every time on the page is UTC, whatever zone it came in."""
    moment = datetime(2024, 5, 1, 9, 30, tzinfo=timezone(timedelta(hours=-4)))
    assert formatting.utc(moment) == "2024-05-01 13:30"
    assert formatting.utc(datetime(2024, 5, 1, tzinfo=UTC), seconds=True) == "2024-05-01 00:00:00"


ACTING = "\x1b\x07\r\n\u202a\u202b\u202d\u202e\u2066\u2067\u2068\u200b\ufeff"


@given(st.lists(st.text(max_size=20) | st.sampled_from(ACTING), max_size=60).map("".join))
def test_any_text_loses_what_could_act(text: str) -> None:
    """No escape, line break, bidirectional override or endless text reaches a page or a terminal."""
    shown = formatting.inert(text)
    assert len(shown) <= formatting.LONGEST_TEXT
    assert not any(ord(character) < 32 or 0x7F <= ord(character) < 0xA0 for character in shown)
    assert not set(shown) & set(ACTING)


def test_markup_stays_as_it_was_written() -> None:
    """Text is not rewritten: the pages set text, never markup."""
    assert formatting.inert("<b>\x1b[31mIBM</b>\r\n") == "<b>[31mIBM</b>  "
