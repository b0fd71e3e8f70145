"""Vectors: their scale, their empty cells, and lists that are refused."""

import json
import re
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from helpers.fitted_columns import column_table, fit_and_encode, fitted_column
from sklearn.preprocessing import StandardScaler

from mtl_cli.columns.fitters import Learnt
from mtl_cli.core.errors import DataError
from mtl_cli.features.vector import Vector

X = np.random.default_rng(0).normal([3, -50, 0.001], [1, 20, 1e-4], (200, 3))
FLOAT32 = 1e-6


def vector(**keys: Any) -> Vector:
    return Vector(kind="vector", **{"length": 3} | keys)


def encoded(feature: Vector, cells: Any) -> Any:
    return fit_and_encode({"x": feature}, x=cells)[1]["dense"]


def test_standard_scales_the_numbers_of_each_position() -> None:
    expected = StandardScaler().fit_transform(X)
    found = encoded(vector(), X.tolist())
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=FLOAT32, atol=FLOAT32)
    plain = encoded(vector(transform="none"), X.tolist())
    np.testing.assert_array_equal(plain, X.astype("float32"))


@pytest.mark.parametrize("chunk_rows", [1, 7, 64, 200])
def test_moments_do_not_depend_on_the_chunks(chunk_rows: int) -> None:
    fitter = vector(missing="mean").fitter("x")
    cells = [None, *X.tolist(), []]
    for start in range(0, len(cells), chunk_rows):
        table = column_table(
            pa.array(cells[start : start + chunk_rows], pa.list_(pa.float64()))
        )
        everything = np.ones(table.num_rows, bool)
        fitter.add(table, everything, everything)
    learnt = fitter.learnt()
    np.testing.assert_allclose(learnt["mean"], X.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(learnt["deviation"], X.std(axis=0), rtol=1e-12)


def test_only_training_rows_are_learnt() -> None:
    fitter = vector().fitter("x")
    is_training = np.arange(200) < 50
    fitter.add(column_table(pa.array(X.tolist())), is_training, is_training)
    np.testing.assert_allclose(fitter.learnt()["mean"], X[:50].mean(axis=0), rtol=1e-12)


def test_number_that_is_always_the_same_becomes_zero() -> None:
    found = encoded(vector(length=2), [[0.1, i] for i in range(7)])
    assert not found[:, 0].any()


@pytest.mark.parametrize("missing", ["mean", 4.0])
@pytest.mark.parametrize("transform", ["standard", "none"])
def test_empty_cell_becomes_the_mean_vector_or_a_vector_of_the_number(
    missing: Any, transform: Any
) -> None:
    feature = vector(missing=missing, transform=transform)
    fill = X.mean(axis=0) if missing == "mean" else np.full(3, 4.0)
    found = encoded(feature, [*X.tolist(), None, [], fill.tolist()])
    np.testing.assert_array_equal(found[200], found[201])
    np.testing.assert_allclose(found[200], found[202], rtol=1e-5, atol=1e-5)


def test_column_without_any_vector_is_filled() -> None:
    assert not encoded(vector(missing="mean"), pa.nulls(4)).any()


@pytest.mark.parametrize(
    "cells",
    [
        pa.array(X.tolist(), pa.list_(pa.float64(), 3)),
        pa.array(X.tolist(), pa.large_list(pa.float64())),
        pa.array([[str(number) for number in row] for row in X.tolist()]),
        pa.array([" | ".join(map(str, row)) for row in X.tolist()]),
    ],
    ids=["fixed size", "large", "lists of text", "text"],
)
def test_lists_of_all_types_and_texts_are_read_alike(cells: pa.Array) -> None:
    feature = vector(separator="|")
    np.testing.assert_array_equal(encoded(feature, cells), encoded(feature, X.tolist()))


V, W = [1.0, 2.0, 3.0], [4.0, 5.0, 6.0]
REFUSED: dict[str, tuple[list[Any], str]] = {
    "short": ([V, W[:2], W[:2]], "row 2 holds 2 numbers, not 3 (2 such rows); correct"),
    "long": ([V, [*W, 1.0]], "row 2 holds 4 numbers, not 3 (1 such row); correct"),
    "empty": ([V, W, None, []], "row 3 is empty, not a vector (2 such rows); fill the"),
    "empty number": ([V, [1.0, None, 2.0]], "row 2 holds an empty number, not a"),
    "nan": ([V, [1.0, float("nan"), 2.0]], "row 2 holds an empty number, not a"),
    "infinite": ([V, [1.0, 2.0, -np.inf]], "row 2 holds -inf, not a finite number"),
    "above float32": ([V, [1.0, 1e39, 2.0]], "row 2 holds 1e+39, not a number that"),
    "word": ([["1", "2", "3"], ["1", "two", "3"]], "row 2 holds 'two', not a number"),
    "matrix": ([[V], [W]], "needs lists of numbers, but the column holds list<"),
    "numbers": ([1.0, 2.0], "needs lists, but the column holds double; convert"),
    "text": (["1|2|3"], "needs lists, but the column holds string; convert the column"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_list_that_is_no_vector_is_refused_with_its_row(name: str) -> None:
    cells, message = REFUSED[name]
    with pytest.raises(DataError, match=re.escape(f"feature x: {message}")):
        encoded(vector(), cells)


def test_wrong_separator_is_refused() -> None:
    message = "row 1 holds 1 number, not 3 (2 such rows); correct the cells, or the "
    message += "feature's length or separator"
    with pytest.raises(DataError, match=re.escape(message)):
        encoded(vector(separator="|"), ["1;2;3", "4;5;6"])


def test_number_that_scaling_makes_too_large_is_refused() -> None:
    feature = fitted_column(vector(length=1), [[1.0], [1.0 + 1e-9]])
    with pytest.raises(DataError, match=r"row 2 holds .*, not a number that fits"):
        feature.encode(column_table([[1.0], [1e38]]))


def test_vectors_that_differ_have_different_summaries() -> None:
    one_hot = np.eye(4, dtype="float32")
    summaries = vector(length=4).summary(one_hot)
    assert len(set(summaries.tolist())) == 4


LEARNT: dict[str, Any] = {"mean": [0.0, 1.0, 2.0], "deviation": [1.0, 0.0, 2.0]}


@pytest.mark.parametrize(
    "change",
    [
        {"mean": [0.0, 1.0]},
        {"mean": "0"},
        {"mean": [0.0, None, 1.0]},
        {"mean": [[0.0, 1.0, 2.0]]},
        {"deviation": [1.0, -1.0, 2.0]},
        {"deviation": [True, True, True]},
        {"mean": [0.0, 1e400, 1.0]},
    ],
    ids=json.dumps,
)
def test_forged_values_are_refused(change: dict[str, Any]) -> None:
    vector().check_learnt(Learnt(LEARNT))
    (name,) = change
    with pytest.raises(ValueError, match=f"^{name} is .*; expected 3 numbers"):
        vector().check_learnt(Learnt(LEARNT | change))
