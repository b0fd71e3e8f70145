"""Sequences: the last values of each row, their weights, their separators."""

import numpy as np
import pyarrow as pa
import pytest
from helpers.fitted_columns import HUGE, fit_and_encode
from helpers.slow import slow_except
from hypothesis import given, settings
from hypothesis import strategies as st

from mtl_cli.core.errors import DataError
from mtl_cli.features.sequence import Sequence

PROPERTY = settings(max_examples=60, deadline=None, derandomize=True)

FLOAT32 = 1e-6  # rounding of a few float32 operations

NUMBERS = st.one_of(st.none(), st.integers(-3, 3), st.just(HUGE), st.just(HUGE - 1))


def padded_in_a_loop(rows, weights, feature, vocabulary):
    """The ids and weights that a plain loop over rows and values gives."""
    shape = (len(rows), feature.max_length)
    found, counts = np.zeros(shape, "int32"), np.zeros(shape, "float32")
    place = {value: i + 1 for i, value in enumerate(vocabulary)}
    for i, row in enumerate(rows):
        row = [] if row is None else row
        how_often = [1.0] * len(row) if weights is None else weights[i]
        kept = [(v, w) for v, w in zip(row, how_often, strict=True) if v is not None]
        for j, (value, weight) in enumerate(kept[-feature.max_length :]):
            found[i, j] = place.get(str(value), 0)
            counts[i, j] = weight
    return found, counts


def last_values(rows, feature):
    """The last `max_length` values of each row as text, one after another."""
    lists = [[v for v in row or [] if v is not None] for row in rows]
    return [str(v) for values in lists for v in values[-feature.max_length :]]


def delimited(rows):
    """Lists as text with `|` between values; a missing value is empty text."""
    return [
        None if row is None else "|".join("" if v is None else str(v) for v in row)
        for row in rows
    ]


LISTS = st.lists(
    st.one_of(st.none(), st.lists(NUMBERS, max_size=5)), min_size=1, max_size=8
)


@pytest.mark.parametrize("pooling", slow_except(["mean"], ["mean", "sum", "max"]))
@given(LISTS, st.integers(1, 4), st.integers(1, 2))
@PROPERTY
def test_sequence_is_its_last_values_whether_listed_or_delimited(
    pooling, rows, max_length, min_count
):
    keys = {"max_length": max_length, "min_count": min_count, "pooling": pooling}
    feature = Sequence(kind="sequence", **keys)
    text = Sequence(kind="sequence", separator="|", **keys)
    feature_set, found = fit_and_encode(
        {"x": feature}, x=pa.array(rows, pa.list_(pa.int64()))
    )
    other, of_text = fit_and_encode(
        {"x": text}, x=pa.array(delimited(rows), pa.string())
    )
    kept = last_values(rows, feature)
    frequent = {v for v in kept if kept.count(v) >= min_count}
    assert feature_set.learnt["x"]["vocabulary"] == sorted(frequent, key=int)
    assert other.learnt == feature_set.learnt
    wanted = padded_in_a_loop(
        rows, None, feature, feature_set.learnt["x"]["vocabulary"]
    )
    for arrays in (found, of_text):
        pair = arrays["sequences"], arrays["sequence_weights"]
        for mine, its in zip(pair, wanted, strict=True):
            np.testing.assert_array_equal(mine, its, strict=True)


def test_sequence_keeps_its_last_values_in_order():
    feature = Sequence(kind="sequence", max_length=3)
    rows = [[1, 2, 3, 4, 5], [5, None, 1], [], None, [None], [9]]
    _, found = fit_and_encode({"x": feature}, x=rows)
    # Known: 1, 3, 4, 5, 9; the first two values of the first row are cut off.
    sequences = [[2, 3, 4], [4, 1, 0], [0, 0, 0], [0, 0, 0], [0, 0, 0], [5, 0, 0]]
    assert found["sequences"].tolist() == sequences
    weights = [[1] * 3, [1, 1, 0], [0] * 3, [0] * 3, [0] * 3, [1, 0, 0]]
    assert found["sequence_weights"].tolist() == weights


def test_unseen_value_of_a_sequence_has_id_0_and_a_weight():
    feature = Sequence(kind="sequence", max_length=2)
    feature_set, _ = fit_and_encode({"x": feature}, x=[["a"]])
    found = feature_set.encode(pa.table({"x": [["b", "a"], ["b"]]}))
    assert found["sequences"].tolist() == [[0, 1], [0, 0]]
    assert found["sequence_weights"].tolist() == [[1, 1], [1, 0]]


def test_all_values_are_those_with_a_weight_and_no_padding():
    feature = Sequence(kind="sequence", max_length=3, weights="w")
    rows = {"x": [["a", "b"], [], ["c", "a", "b"]], "w": [[1, 2], [], [3, 0, 1]]}
    feature_set, found = fit_and_encode({"x": feature}, **rows)
    values, numbers = feature_set.all_values(found, "x")
    assert values.tolist() == [1, 2, 3, 2]
    assert numbers.tolist() == [0, 0, 2, 2]
    table = pa.table({"x": [["b", "new"], ["new"]], "w": [[1, 1], [0]]})
    rows_by_feature = feature_set.unseen_and_all_rows(table, feature_set.encode(table))
    unseen_rows, all_rows = rows_by_feature["x"]
    assert unseen_rows.tolist() == [0]
    assert all_rows.tolist() == [0, 0]


@pytest.mark.parametrize(
    "kind",
    [
        pa.list_(pa.int64()),
        pa.large_list(pa.int64()),
        pa.list_(pa.string()),
        pa.list_(pa.uint64()),
    ],
    ids=str,
)
def test_ids_of_sequences_are_exact_whatever_holds_them(kind):
    wide = [[HUGE, HUGE - 1], [HUGE + 1], [2**63 - 1]]
    held = pa.array(wide) if pa.types.is_integer(kind.value_type) else None
    if held is None:
        held = pa.array([[str(v) for v in row] for row in wide])
    feature = Sequence(kind="sequence", max_length=2)
    feature_set, found = fit_and_encode({"x": feature}, x=held.cast(kind))
    assert found["sequences"].tolist() == [[2, 1], [3, 0], [4, 0]]
    assert feature_set.learnt["x"]["vocabulary"][-1] == str(2**63 - 1)


def test_lists_of_one_length_with_a_missing_row_are_sequences():
    held = pa.array([[1, 2], None, [3, 1]], pa.list_(pa.int64(), 2))
    _, found = fit_and_encode({"x": Sequence(kind="sequence", max_length=2)}, x=held)
    assert found["sequences"].tolist() == [[1, 2], [0, 0], [3, 1]]


WEIGHTED = st.lists(
    st.lists(st.tuples(st.integers(0, 4), st.integers(0, 64)), max_size=4),
    min_size=1,
    max_size=8,
)


@pytest.mark.parametrize("pooling", slow_except(["mean"], ["mean", "sum"]))
@given(WEIGHTED, st.integers(1, 4))
@PROPERTY
def test_each_kept_value_of_a_sequence_keeps_its_weight(pooling, rows, max_length):
    keys = {"max_length": max_length, "pooling": pooling, "weights": "w"}
    feature = Sequence(kind="sequence", **keys)
    text = Sequence(kind="sequence", separator="|", **keys)
    listed = [[value for value, _ in row] for row in rows]
    weights = [[weight / 8 for _, weight in row] for row in rows]
    feature_set, found = fit_and_encode(
        {"x": feature},
        x=pa.array(listed, pa.list_(pa.int64())),
        w=pa.array(weights, pa.list_(pa.float64())),
    )
    _, of_text = fit_and_encode(
        {"x": text},
        x=pa.array(delimited(listed), pa.string()),
        w=pa.array(delimited(weights), pa.string()),
    )
    wanted = padded_in_a_loop(
        listed, weights, feature, feature_set.learnt["x"]["vocabulary"]
    )
    np.testing.assert_array_equal(found["sequences"], wanted[0])
    np.testing.assert_allclose(found["sequence_weights"], wanted[1], rtol=FLOAT32)
    for name, x in of_text.items():
        np.testing.assert_array_equal(x, found[name], strict=True)


def test_weight_of_a_missing_value_may_be_missing():
    feature = Sequence(kind="sequence", max_length=3, pooling="sum", weights="w")
    text = feature.model_copy(update={"separator": "|"})
    _, found = fit_and_encode(
        {"x": feature}, x=[["a", None, "b"], None], w=[[2, None, 3], []]
    )
    _, of_text = fit_and_encode({"x": text}, x=["a||b", ""], w=["2||3", None])
    _, of_lists = fit_and_encode(
        {"x": text}, x=[["a", None, "b"], []], w=[[2, None, 3], None]
    )
    for arrays in (found, of_text, of_lists):
        assert arrays["sequences"].tolist() == [[1, 2, 0], [0, 0, 0]]
        assert arrays["sequence_weights"].tolist() == [[2, 3, 0], [0, 0, 0]]


@pytest.mark.parametrize(
    ("values", "weights", "wrong"),
    [
        ([["a"], ["a", "b"]], [[1.0], [1.0]], "row 2 has 2 values and 1 weights"),
        (
            [["a"], ["b", "c"]],
            [[1.0], [1.0, -2.0]],
            "row 2 holds -2, but a weight must be 0",
        ),
        (
            [["a"], ["b"]],
            [[None], [1.0]],
            "row 1 has an empty weight, but a weight must be 0",
        ),
    ],
    ids=["short", "negative", "missing"],
)
def test_wrong_weights_of_a_sequence_are_refused(values, weights, wrong):
    feature = Sequence(kind="sequence", max_length=3, weights="w")
    with pytest.raises(DataError) as caught:
        fit_and_encode({"x": feature}, x=values, w=weights)
    assert str(caught.value).startswith("feature x: weights 'w': ")
    assert wrong in str(caught.value)
