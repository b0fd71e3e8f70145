"""Whether runs were scored on the same rows."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mtl_cli.comparison.runs import Run
from mtl_cli.comparison.same_rows import (
    have_equal_test_rows,
    read_test_rows,
    split_settings,
)


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


def test_spreads_over_members_are_no_labels_of_rows(tmp_path: Path) -> None:
    # Models with members, on the same rows, got no verdict.
    names = ["row", "click", "click_prediction", "click_std", "click_row_weight"]
    for task in ("like", "like_std"):
        names += [task, f"{task}_prediction"]
    columns: dict[str, list[object]] = {name: [1.0] for name in names}
    # The spreads of classes are lists.
    columns |= {"level": ["a"], "level_prediction": [[1.0]], "level_std": [[0.1]]}
    pq.write_table(pa.table(columns), tmp_path / "predictions.parquet")
    rows = read_test_rows([Run(tmp_path)])
    assert rows is not None
    labels = ["click", "click_row_weight", "like", "like_std", "level"]
    assert rows.column_names == ["row", *labels]
