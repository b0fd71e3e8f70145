"""Features that hold the same information form a group; others stay alone."""

from typing import Any

import numpy as np
import pyarrow as pa
from helpers.planted_data import declared, fitted_features

from mtl_cli.scoring.feature_groups import (
    MIN_REPEATED,
    ComparableFeature,
    copy_similarity,
    feature_groups,
    goodman_kruskal_lambda,
)

ROWS = 3000
TASKS = {"y": {"label": "y", "kind": "binary"}}
DENSE = {"kind": "dense", "transform": "standard"}
SPARSE = {"kind": "sparse"}


def groups(features: dict[str, Any], columns: dict[str, Any]) -> list[list[str]]:
    """The groups of features fitted to columns."""
    table = pa.table(columns)
    fitted = fitted_features(declared("x", features, TASKS).used_features, table)
    found = feature_groups(fitted, fitted.encode(table))
    assert all(bool(g.reasons) == (len(g.features) > 1) for g in found)
    return [group.features for group in found]


def test_copies_are_found_whatever_their_unit_or_names() -> None:
    random = np.random.default_rng(0)
    x, city = random.normal(size=ROWS), random.integers(0, 50, ROWS)
    columns = {
        "x": x,
        "negated": -np.exp(x) + 1e-3 * random.normal(size=ROWS),
        "other": random.normal(size=ROWS),
        "city": [f"c{i}" for i in city],
        "town": [f"t{i * 7}" for i in city],
        "place": [f"p{i}" for i in random.integers(0, 50, ROWS)],
        "number": city.astype("float64"),
    }
    dense = dict.fromkeys(("x", "negated", "other", "number"), DENSE)
    sparse = dict.fromkeys(("city", "town", "place"), SPARSE)
    assert groups(dense | sparse, columns) == [
        ["x", "negated"],
        ["other"],
        ["number", "city", "town"],
        ["place"],
    ]


def test_copy_may_differ_in_a_few_rows() -> None:
    random = np.random.default_rng(1)
    city = random.integers(0, 20, ROWS)
    few, many = city.copy(), city.copy()
    few[: ROWS // 200] = 0
    many[: ROWS // 10] = 0
    columns = {"city": city, "few": few, "many": many}
    found = groups(dict.fromkeys(columns, SPARSE), columns)
    assert found == [["city", "few"], ["many"]]


def test_numbers_of_which_most_are_the_number_of_an_empty_cell_are_compared() -> None:
    # The rows in which both clicks are above 0 alone would make them copies.
    random = np.random.default_rng(5)
    clicks = random.integers(1, 99, ROWS).astype("float64")
    columns = {
        "week": np.where(random.random(ROWS) < 0.3, clicks, 0),
        "month": np.where(random.random(ROWS) < 0.3, clicks, 0),
    }
    zero = DENSE | {"missing": 0.0}
    assert groups(dict.fromkeys(columns, zero), columns) == [["week"], ["month"]]


def test_values_that_are_nearly_constant_or_nearly_unique_are_no_copies() -> None:
    random = np.random.default_rng(2)
    columns = {
        "rare": (random.random(ROWS) < 0.005).astype(int),
        "rare_too": (random.random(ROWS) < 0.005).astype(int),
        "id": random.integers(0, 10**6, ROWS),
        "id_too": random.integers(0, 10**6, ROWS),
        "constant": np.ones(ROWS, int),
    }
    found = groups(dict.fromkeys(columns, SPARSE), columns)
    assert found == [[name] for name in columns]


def test_features_of_few_and_of_many_values_are_told_apart_without_their_rows() -> None:
    # To read no rows would raise a warning, which is an error in tests.
    no_codes = np.empty(0, int)
    few, many = (ComparableFeature(no_codes, n, ranks=None) for n in (2, 100))
    assert copy_similarity(few, many) is None


def test_features_of_one_column_or_one_table_belong_together() -> None:
    random = np.random.default_rng(3)
    columns = {name: random.integers(0, 9, ROWS) for name in ("a", "b", "c", "d")}
    features = {
        "a": SPARSE,
        "b": SPARSE | {"table": "a"},
        "c": SPARSE,
        "pair": {"kind": "cross", "columns": ["c", "d"], "num_buckets": 100},
    }
    assert groups(features, columns) == [["a", "b"], ["c", "pair"]]


def test_lambda_needs_a_number_of_rows_whose_value_occurs_again() -> None:
    pairs = np.arange(MIN_REPEATED) // 2
    assert goodman_kruskal_lambda(pairs, pairs) == 1
    assert goodman_kruskal_lambda(pairs[2:], pairs[2:]) == 0
