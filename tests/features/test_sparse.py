"""Sparse features: one id for each value of the training rows."""

import numpy as np
import pyarrow as pa
import pytest
from helpers.fitted_columns import (
    HUGE,
    column_table,
    fit_and_encode,
    fitted_column,
    ids_of,
)
from helpers.planted_data import config, loaded, parquet, planted, run_in, values

from mtl_cli.data.feature_set_fitter import FeatureSetFitter
from mtl_cli.features.sequence import Sequence
from mtl_cli.features.sparse import Sparse
from mtl_cli.runs import saved_model

SPARSE = Sparse(kind="sparse")


def test_vocabulary_comes_from_training_rows_only():
    features = fitted_column(SPARSE, ["b", "a", "c", "a"])
    assert ids_of(features, ["a", "b", "c"]) == [1, 2, 3]
    assert ids_of(features, ["c", "zebra", "aa", "a"]) == [3, 0, 0, 1]
    assert features.layout.tables["x"].size == 4


def test_missing_sparse_values_share_index_0_with_unseen_ones():
    features = fitted_column(SPARSE, ["b", None, "a"])
    assert ids_of(features, [None, "a", "b", "?"]) == [0, 1, 2, 0]


def test_column_without_a_value_in_training_has_one_index():
    features = fitted_column(SPARSE, pa.array([None, None], pa.string()))
    assert features.layout.tables["x"].size == 1
    assert ids_of(features, ["a", None]) == [0, 0]


@pytest.mark.parametrize("gap", [[], [None]], ids=["no_gap", "gap"])
def test_ids_above_2_to_the_53_and_negative_ids_are_exact(gap):
    huge = HUGE
    values = [-huge, -huge + 1, -1, 0, huge - 1, huge, 2**63 - 1]
    assert len({float(v) for v in values}) < len(values)
    features = fitted_column(SPARSE, values[::-1] + gap)
    assert ids_of(features, values + gap) == [1, 2, 3, 4, 5, 6, 7] + [0] * len(gap)
    assert ids_of(features, [huge + 1, -huge - 1]) == [0, 0]


def test_booleans_are_sparse_values():
    assert ids_of(fitted_column(SPARSE, [True, False]), [False, True, None]) == [
        1,
        2,
        0,
    ]


def test_strings_are_told_apart_by_every_character():
    values = [" ", "A", "a", "a ", "NA", "nan", "ä"]
    features = fitted_column(SPARSE, values)
    assert ids_of(features, ["", *sorted(values)]) == [0, 1, 2, 3, 4, 5, 6, 7]


def test_digits_that_python_does_not_convert_to_a_number_are_sorted_as_text():
    long = "9" * 5000
    features = fitted_column(SPARSE, [long, "1", "10"])
    assert ids_of(features, ["1", "10", long]) == [1, 2, 3]


def test_values_rarer_than_min_count_share_index_0():
    features = fitted_column(
        Sparse(kind="sparse", min_count=2), ["a", "b", "b", "c", "c", "c"]
    )
    assert features.learnt["x"]["vocabulary"] == ["b", "c"]
    assert ids_of(features, ["a", "b", "c"]) == [0, 1, 2]


def test_rates_of_dropped_ids_follow_from_the_counts_of_the_training_rows():
    sparse = Sparse(kind="sparse", min_count=2, id_dropout=1.5)
    features = fitted_column(sparse, ["a", "b", "b", "c", "c", "c", None])
    assert features.learnt["x"] == {"vocabulary": ["b", "c"], "counts": [2, 3]}
    (rates,) = features.layout.dropout_rates.values()
    np.testing.assert_allclose(rates, [1, 1.5 / 3.5, 1.5 / 4.5])
    # Id 0 is trained, so unknown values count in a sequence.
    assert features.layout.tables["x"].trains_unknown


def test_counts_of_an_earlier_run_and_of_this_run_are_summed():
    sparse = Sparse(kind="sparse", id_dropout=1)
    earlier = fitted_column(sparse, ["b", "b", "c"]).learnt
    fitter = FeatureSetFitter({"x": sparse}, training_rows=3)
    fitter.add(column_table(["a", "b", "a"]), np.ones(3, bool))
    assert fitter.finish(earlier).learnt["x"] == {
        "vocabulary": ["b", "c", "a"],
        "counts": [3, 1, 2],
    }


def test_ids_of_features_that_share_a_table_are_dropped_alike_but_not_lists():
    features = {
        "first": Sparse(kind="sparse"),
        "item": Sparse(kind="sparse", id_dropout=1),
        "other": Sparse(kind="sparse", table="item"),
        "seen": Sequence(kind="sequence", max_length=2, table="item"),
    }
    feature_set, _ = fit_and_encode(
        features,
        first=["x", "y"],
        item=["a", "b"],
        other=["b", "b"],
        seen=[["a"], ["c", "a"]],
    )
    rates = feature_set.layout.dropout_rates
    assert list(rates) == [1, 2]
    for of_column in rates.values():  # a 3 times, b 3 times, c once
        np.testing.assert_allclose(of_column, [1, 1 / 4, 1 / 4, 1 / 2])


@pytest.mark.parametrize(
    ("train", "test", "expected"),
    [
        (pa.array([1, 300], pa.int64()), pa.array([1, 2], pa.int8()), [1, 0]),
        (pa.array([1, 7], pa.int8()), pa.array([7, 300], pa.int64()), [2, 0]),
        (pa.array(["a"]), pa.array(["a", "b"], pa.large_string()), [1, 0]),
        (pa.array([1, 7]), pa.array([None, None]), [0, 0]),
    ],
    ids=["narrower_integers", "wider_integers", "large_strings", "all_missing"],
)
def test_equal_values_are_equal_whatever_type_holds_them(train, test, expected):
    # Each CSV file gets the types that its own rows need.
    assert ids_of(fitted_column(SPARSE, train), test) == expected


@pytest.mark.parametrize(
    ("train", "test"), [([1, 7], ["7", "?"]), (["7", "?"], [1, 7])]
)
def test_ids_are_the_same_as_numbers_and_as_text(train, test):
    features = fitted_column(SPARSE, train)
    place = features.learnt["x"]["vocabulary"].index("7") + 1
    found = features.encode(column_table(test))["ids"][:, 0].tolist()
    assert found == [place if value in (7, "7") else 0 for value in test]


def test_table_may_be_the_features_own(tmp_path):
    keys = {"kind": "sparse", "table": "user"}
    tasks = {"click": {"label": "click", "kind": "binary"}}
    train = parquet(tmp_path, planted())
    own, named = (
        loaded(train, {"user": each}, tasks).features.learnt["user"]["vocabulary"]
        for each in ({"kind": "sparse"}, keys)
    )
    assert own == named


@pytest.mark.slow
def test_values_that_look_like_secrets_stay_in_the_vocabulary(tmp_path):
    """A saved model needs its values exactly: here are URLs with a parameter."""
    table = planted()
    urls = [f"https://shop.com/find?keyword=w{i}" for i in table["user"].to_pylist()]
    train = parquet(tmp_path, table.append_column("url", [urls]))
    tasks = {"click": {"label": "click", "kind": "binary"}}
    data = values(train, {"url": {"kind": "sparse"}}, tasks)
    run_in(tmp_path / "run", config(data))
    learnt = saved_model.load(tmp_path / "run").features.learnt["url"]
    assert learnt["vocabulary"] == sorted(set(urls))
