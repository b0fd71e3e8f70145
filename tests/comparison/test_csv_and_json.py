"""CSV files for spreadsheets."""

import pytest

from mtl_cli.comparison.csv_and_json import csv_text

FORMULAS = ["=1+1", "+x", "-x", "@sum(a)", "\t=1", "\r=1", "\uff1d1+1"]


@pytest.mark.parametrize("text", FORMULAS)
def test_text_that_is_a_formula_is_marked(text: str) -> None:
    (line,) = csv_text(["a"], [{"a": text}]).split("\r\n", 1)[1:]
    assert line.strip('"\r\n').startswith("'")


def test_numbers_and_other_texts_stay_and_foreign_keys_are_left_out() -> None:
    rows = [{"a": -0.5, "b": "-1e-3", "c": "x=1", "d": None, "e": "unused"}]
    expected = "a,b,c,d\r\n-0.5,-1e-3,x=1,\r\n"
    assert csv_text(["a", "b", "c", "d"], rows) == expected


@pytest.mark.parametrize("separator", [";", "\t"])
def test_no_formula_follows_another_separator_of_cells(separator: str) -> None:
    text = f"x{separator}=1+1{separator}y-1"
    (line,) = csv_text(["a"], [{"a": text}]).splitlines()[1:]
    assert line == f"x{separator}'=1+1{separator}y-1"
