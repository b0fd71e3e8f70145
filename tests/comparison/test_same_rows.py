"""Whether runs were scored on the same rows."""

from pathlib import Path

import pyarrow as pa
import pytest

from mtl_cli.comparison.runs import Run
from mtl_cli.comparison.same_rows import have_equal_test_rows, split_settings


@pytest.mark.parametrize(
    "written",
    [
        {"dataset.split_seed": "0", "dataset.valid_fraction": "0.1"},
        {"dataset.split_by": "random", "dataset.split_column": "null"},
        {"dataset.valid_from": "train", "dataset.test_fraction": "0"},
    ],
)
def test_usual_value_that_is_left_out_splits_the_same_rows(
    written: dict[str, str],
) -> None:
    short, long = Run(Path("a")), Run(Path("b"), settings=written)
    assert split_settings(short) == split_settings(long)


def test_validation_file_leaves_no_share_to_hold_out() -> None:
    file = {"dataset.valid": "valid.csv"}
    short, long = (
        Run(Path("a"), settings=file | more)
        for more in ({}, {"dataset.valid_fraction": "0"})
    )
    assert split_settings(short) == split_settings(long)


def test_rows_that_have_weights_in_one_run_only_are_not_the_same() -> None:
    # Runs with and without weights got a verdict.
    unweighted = pa.table({"row": [1, 2], "click": [0.0, 1.0]})
    weights = pa.array([10.0, 1.0])
    weighted = unweighted.append_column("click_row_weight", weights)
    assert have_equal_test_rows(weighted, weighted)
    assert not have_equal_test_rows(weighted, unweighted)
    assert not have_equal_test_rows(unweighted, weighted)
    # Each run may have further tasks.
    more = unweighted.append_column("buy", weights)
    more = more.append_column("buy_row_weight", weights)
    assert have_equal_test_rows(more, unweighted)
