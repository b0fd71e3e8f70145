"""Numbers as people write them: which columns a message names."""

import numpy as np
import pyarrow as pa
import pytest

from mtl_cli.columns.spreadsheet_numbers import spreadsheet_example, thousands_example

RANDOM = np.random.default_rng(0)
EUROS = np.exp(RANDOM.normal(6.8, 1.2, 4000)).round()
# Read as decimals, 1.359 is 1359, and 999 is 999.
POINTED_EUROS = np.where(EUROS < 1000, EUROS, EUROS / 1000)


def test_thousands_that_were_read_as_decimals_are_found():
    assert thousands_example(np.append(POINTED_EUROS, np.nan)) == "1.001 beside 999"


@pytest.mark.parametrize(
    "decimals",
    [
        np.append(POINTED_EUROS, 1000.0),
        np.append(POINTED_EUROS, 0.125),
        np.append(POINTED_EUROS, 1.2345),
        EUROS[EUROS < 1000],
        EUROS / 100,
        RANDOM.uniform(1, 900, 4000).round(3),
        np.arange(8, 4000) / 8,
        np.arange(100, 1000) / 4,
        np.full(9, np.nan),
    ],
    ids=["1000", "below_1", "4_digits", "whole", "cents", "3", "1/8", "1/4", "empty"],
)
def test_decimals_are_not_taken_for_thousands(decimals):
    assert thousands_example(decimals) == ""


@pytest.mark.parametrize(
    ("texts", "example"),
    [
        (["131,50", " 3 024,50", None], "3 024,50"),
        (["5", "CHF 33.0"], "CHF 33.0"),
        (["1,234.5", "none"], ""),
        (["1,2", "1,200"], ""),  # may be lists
        (["594.976.6890", "5 €"], ""),  # decimals follow another sign than thousands
        (["12 345", "12 346"], ""),  # may be codes
        (["3.10", "3.11"], ""),  # may be versions
        ([None, ""], ""),
    ],
)
def test_texts_are_told_that_can_only_be_numbers(texts, example):
    assert spreadsheet_example(pa.chunked_array([texts], pa.string())) == example
