"""Text that a user should convert: the first kind that describes a cell."""

import pyarrow as pa
import pytest

from mtl_cli.init.column_profile import profile_column
from mtl_cli.init.column_rules import propose_column
from mtl_cli.init.convertible_text import convertible_remark, thousands_warning

# {what the remark says: cells of the kind}
EXAMPLES = {
    "numbers with a sign": [
        "6,405",
        "1,234,567",
        "6 405",
        "1234,5",
        "1.234,5",
        "3 024,50",
        "+3'024,50",
        "(112)",
        "1,234.50-",
        "5 €",
        "30%",
        "CHF 5",
        "22,-",
    ],
    "pairs of numbers": ["48.85, 2.35", "48.85;2.36"],
    "dates": [
        "2026/01/19",
        "19.1.2026",
        "01/19/26 10:30",
        "Jan 19, 2026",
        "19 May 26",
        "01 19, 2026",
        "Mon Jan 19 10:30:00 +0000 2026",
        "Mon, 19 Jan 2026 10:30:00 GMT",
        "January-2026",
        "Jan 26",
        "2026-01",
    ],
    "times of day": ["11:50:01", "8:30", "11:50 PM"],
    "lists in brackets": ["[3, 7]", "[]", "(3, 7)", "(3,)", "{3,7}"],
    "records": ['{"city": "Rome"}', "{}"],
}


@pytest.mark.parametrize("kind", EXAMPLES)
def test_text_to_convert_is_told_by_its_kind(kind):
    column = profile_column("x", pa.chunked_array([EXAMPLES[kind]]))
    assert convertible_remark(column).startswith(f"the cells are {kind}")


@pytest.mark.parametrize("separator", [*", '\u2019\u00a0\u202f"])
def test_few_separated_thousands_are_enough_to_leave_a_column_out(separator):
    cells = [*map(str, range(100, 900)), *(f"{i}{separator}250" for i in range(1, 4))]
    proposal = propose_column(profile_column("x", pa.chunked_array([cells])))
    assert proposal.role == "left out"
    assert "in 3 cells, first in row 801: write plain numbers" in proposal.warning


def test_one_price_with_a_unit_is_told_by_its_row():
    cells = [f"{i % 90}.25" for i in range(2000)]
    cells[500] = "12,50 EUR"
    proposal = propose_column(profile_column("price", pa.chunked_array([cells])))
    assert proposal.warning.startswith(
        "the cells are numbers, except '12,50 EUR' in 1 cell, first in row 501: write"
    )


AMOUNTS = [1.5 + i * i**0.5 * 97 for i in range(200)]  # 1.5 to 270,000


def indian(amount: float) -> str:
    thousands, rest = divmod(int(amount), 1000)
    lakhs, thousands = divmod(thousands, 100)
    return f"{lakhs},{thousands:02},{rest:03}" if lakhs else f"{thousands},{rest:03}"


@pytest.mark.parametrize(
    "written",
    [
        lambda x: f"{x:,.2f}".replace(",", " ").replace(".", ","),
        lambda x: f"{x:,.2f}".replace(",", "\u202f").replace(".", ","),
        lambda x: f"{x:,.2f}".replace(",", " "),
        lambda x: f"{x:,.{int(x) % 2}f}".replace(",", " "),  # some are whole
        lambda x: f"{x:,.2f}".replace(",", "'"),
        lambda x: f"{x:,.2f}".replace(",", "\u2019").replace(".", ","),
        lambda x: f"{x:+_.2f}".replace(".", ",").replace("_", "."),
        lambda x: f"{x:+.1f}",
        lambda x: f"{x - 99:.0f}".replace("-", "\u2212"),
        lambda x: f"CHF {x:.1f}",
        lambda x: f"{x:.0f},-",
        lambda x: f"{x:.2f} kr".replace(".", ","),
        lambda x: f"{x:.1f}K" if x < 1000 else f"{x / 1000:.1f}M",
        indian,
    ],
)
def test_numbers_of_other_countries_are_no_ids_or_lists(written):
    cells = [written(x) for x in AMOUNTS]
    for repeats in (1, 30):  # also if the value differs in nearly every row
        column = profile_column("x", pa.chunked_array([cells * repeats]))
        proposal = propose_column(column)
        assert proposal.role == "left out"
        assert "the cells are numbers" in proposal.explanation, cells[-1]
        assert "write plain numbers" in proposal.explanation


@pytest.mark.parametrize(
    "written",
    [
        lambda x: f"+4930{x:06.0f}",
        lambda x: f"+49 {x % 900 + 100:.0f} {x % 700 + 200:.0f}",
        lambda x: f"{x:07.0f}",
        lambda x: f"+1.{x % 900 + 100:.0f}.{x % 700 + 200:.0f}.{x % 99:03.0f}",
        lambda x: f"{x % 900 + 99:.0f}.{x % 700 + 200:.0f}.{x % 9000:04.0f}",
        lambda x: f"{x % 900 + 99:.0f}.{x % 700 + 200:.0f}.{x % 90:02.0f}",
        lambda x: f"{x % 90 + 9:.0f},{x % 70 + 20:.0f},{x % 900 + 99:.0f}",
        lambda x: f"{x % 9 + 90:03.0f},{x % 70:03.0f},{x % 500:03.0f}",
        lambda x: f"{x % 9:.0f},{x % 7:.0f},{x % 5:.0f}",
        lambda x: f"{x % 90:.0f} cups",
        lambda x: f"{{6F9619FF-8B86-D011-B42D-{x:012.0f}}}",
        lambda x: f"({x % 900:.0f}, {x % 900 + 10:.0f}]",
        lambda x: f"{x % 90:.0f}{'ABCDEFGHJK'[int(x) % 10]}",
    ],
)
def test_phone_numbers_codes_and_lists_are_no_numbers(written):
    cells = [written(x) for x in AMOUNTS] * 30
    proposal = propose_column(profile_column("x", pa.chunked_array([cells])))
    assert proposal.keys["kind"] in ("sparse", "sequence")


def test_numbers_of_three_digits_with_spaces_may_be_lists():
    cells = [f"{100 + i % 7} {100 + i % 5} {100 + i % 3}" for i in range(500)]
    proposal = propose_column(profile_column("x", pa.chunked_array([cells])))
    assert proposal.keys["kind"] == "sequence"


@pytest.mark.parametrize(
    ("cells", "is_told"),
    [
        (["999", "1.359", "0"], True),
        (["-450", "-12.359", None], True),
        (["999", "1.359", "0.125"], False),
        (["999", "1.359", "1360"], False),  # without a point
        (["12.359", "80.980"], False),  # a file may hold three decimals of each number
        (["1", "2", "1.125"], False),
    ],
)
def test_points_that_may_separate_thousands_are_told(cells, is_told):
    column = profile_column("x", pa.chunked_array([cells]))
    assert bool(thousands_warning(column)) == is_told
    assert propose_column(column).warning == thousands_warning(column)


@pytest.mark.parametrize(
    "cells",
    [
        [f"Market {i:02}" for i in range(1, 13)],
        [f"Decile-{i:02}" for i in range(1, 11)],
        [f"{year}/{year % 100 + 1:02}" for year in range(2003, 2012)],  # seasons
    ],
)
def test_names_with_numbers_and_seasons_are_no_dates(cells):
    proposal = propose_column(profile_column("x", pa.chunked_array([cells * 30])))
    assert proposal.keys["kind"] == "sparse"
