"""Labels of regressions keep all digits until training has centred them."""

import re
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest
from helpers.planted_data import declared, outputs

from mtl_cli.columns.cells import cells_equal
from mtl_cli.columns.labels import LabelSummary, read_label_numbers
from mtl_cli.core.errors import DataError
from mtl_cli.data.label_statistics import LabelStatistics
from mtl_cli.data.labels import labels_of_rows
from mtl_cli.data.univariate_auc import refuse_copy
from mtl_cli.heads.base import Output
from mtl_cli.tasks.binary import Binary
from mtl_cli.tasks.regression import Regression

MILLISECONDS = 1.7e12  # a time since 1970, which float32 rounds to 131 seconds
ROUNDING = 1e-12  # of sums of a few thousand float64 numbers


def summed(labels: np.ndarray, *cuts: int) -> LabelSummary:
    summary = LabelSummary()
    for chunk in np.split(labels, cuts):
        summary.add(chunk)
    return summary


@pytest.mark.parametrize("mean", [0, 1, -1e6, MILLISECONDS])
def test_deviation_is_exact_however_the_labels_are_cut(mean: float) -> None:
    noise = np.random.default_rng(0).normal(0, 2, 5000).round(3)
    for cuts in [(), (1,), (0, 2500), (3, 4, 4000), tuple(range(0, 5000, 7))]:
        summary = summed(mean + noise, *cuts)
        assert summary.count == 5000
        # The label itself has 16 digits, of which the deviation has what is left.
        relative = max(ROUNDING, abs(mean) * 1e-16 * 10)
        assert summary.standard_deviation == pytest.approx(noise.std(), rel=relative)
        assert summary.mean == pytest.approx(mean + noise.mean(), rel=ROUNDING)


@pytest.mark.parametrize("kind", ["regression", "ziln", "wlr"])
def test_row_of_weight_2_counts_as_two_rows_in_the_statistics(kind: str) -> None:
    tasks = {"y": {"label": "y", "kind": kind}}
    dataset = declared("t.csv", {"x": {"kind": "dense"}}, tasks, weight_column="w")
    random = np.random.default_rng(0)
    labels = random.exponential(size=100) * (random.random(100) < 0.8)
    weights = random.integers(0, 4, 100)

    def statistics(labels: np.ndarray, weights: np.ndarray) -> dict[str, float]:
        gathered = LabelStatistics(dataset, outputs(dataset))
        for chunk in (slice(0, 30), slice(30, None)):
            table = pa.table({"y": labels[chunk], "w": weights[chunk]})
            rows = labels_of_rows(dataset, outputs(dataset), table)
            gathered.add(rows, table, np.ones(table.num_rows, bool))
        return gathered.by_task()["y"]

    repeated = np.repeat(labels, weights)
    expected = statistics(repeated, np.ones(len(repeated)))
    assert statistics(labels, weights) == pytest.approx(expected, rel=ROUNDING)


def test_equal_labels_have_deviation_zero_whatever_their_sum_is_rounded_to() -> None:
    summary = summed(np.full(1001, 0.1), 3, 700)  # 3 * 0.1 is not 0.3
    assert summary.standard_deviation == 0
    statistics = Regression(label="y", transform="standard").label_statistics(summary)
    assert statistics["deviation"] == 1


def test_labels_of_regressions_keep_the_digits_that_binary_labels_do_not_need() -> None:
    numbers = MILLISECONDS + np.arange(3)
    task = Regression(label="y", transform="none")
    labels = task.read_labels("y", pa.chunked_array([numbers]))
    np.testing.assert_array_equal(labels, numbers, strict=True)
    binary = Binary(label="y").read_labels("y", pa.chunked_array([[1, None, 0]]))
    expected = np.array([1, np.nan, 0], "float32")
    np.testing.assert_array_equal(binary, expected, strict=True)


def test_standardised_times_have_losses_and_predictions_of_full_precision() -> None:
    task = Regression(label="y", transform="standard")
    labels = MILLISECONDS + np.random.default_rng(0).normal(0, 2000, 400)
    statistics = task.label_statistics(summed(labels))
    centred = (labels - labels.mean()) / labels.std()
    logits = np.zeros((400, 1), "float32")
    losses = np.asarray(task.row_losses(labels, logits, statistics))
    assert losses.dtype == "float32"
    np.testing.assert_allclose(losses, centred**2, rtol=1e-5, atol=1e-7)
    learnt = np.asarray(
        task.predictions(centred[:, None].astype("float32"), statistics)
    )
    np.testing.assert_allclose(learnt[:, 0], labels, rtol=1e-15 * 1000)


@pytest.mark.parametrize("centre", [0, MILLISECONDS])
def test_copy_of_large_labels_is_refused_as_float32_holds_it(centre: float) -> None:
    output = Output("y", "y", Regression(label="y", transform="none"))
    labels = MILLISECONDS + np.random.default_rng(0).normal(0, 1e6, 3000)
    values = (labels - centre).astype("float32")
    with pytest.raises(DataError, match="would see the answer"):
        refuse_copy("x", output, labels, values, "values")
    values = np.random.default_rng(1).permutation(values)
    refuse_copy("x", output, labels, values, "values")


@pytest.mark.parametrize(
    ("cells", "value", "expected"),
    [
        (pa.array([Decimal("1.00"), Decimal("0.00")]), 1, [True, False]),
        (pa.array([1, 0], pa.float16()), 1, [True, False]),
        (pa.array([True, False]), 1, [True, False]),
        (pa.array([2**63, 1], pa.uint64()), 2**63, [True, False]),
        (pa.array([1.0, 2.5]), 1, [True, False]),
    ],
)
def test_cells_equal_a_value_of_the_yaml(
    cells: pa.Array, value: int, expected: list[bool]
) -> None:
    assert cells_equal(pa.chunked_array([cells]), value).tolist() == expected


@pytest.mark.parametrize(
    ("cells", "value"), [(pa.array([True]), 2), (pa.array([1]), 10**20)]
)
def test_value_that_no_cell_can_hold_is_refused(cells: pa.Array, value: int) -> None:
    with pytest.raises(ValueError, match="so no cell can equal"):
        cells_equal(pa.chunked_array([cells]), value)


@pytest.mark.parametrize(
    "cells",
    [
        pa.array([(1, 2, 3)], pa.month_day_nano_interval()),
        pa.array([10**17], pa.timestamp("s")),  # after the year 9999
        pa.array([0], pa.timestamp("s", "Mars/Phobos")),
    ],
)
def test_labels_that_are_no_numbers_are_refused_by_their_type(cells: pa.Array) -> None:
    message = f"column 'y' holds {cells.type}, not numbers; give numbers"
    with pytest.raises(DataError, match=re.escape(message)):
        read_label_numbers("column 'y'", pa.chunked_array([cells]), "give numbers")
