"""The data report: what is odd about a table is told, and nothing else is."""

import itertools
import json
import os
import re
import subprocess
import sys

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pytest
import sklearn.metrics
import yaml
from helpers.planted_data import declared, loaded, outputs, parquet, values
from helpers.slow import slow_except

from mtl_cli.columns.arrow_types import is_number
from mtl_cli.core.errors import DataError
from mtl_cli.core.paths import PACKAGE
from mtl_cli.data import compute_report
from mtl_cli.data import profile as profile_module
from mtl_cli.data.label_findings import few_valid_rows_findings
from mtl_cli.data.load import load
from mtl_cli.data.split import is_earlier
from mtl_cli.data.table import Table
from mtl_cli.data.univariate_auc import MIN_ROWS_PER_CLASS, random_half, univariate_auc
from mtl_cli.heads.base import Output
from mtl_cli.tasks.binary import Binary
from mtl_cli.tasks.regression import Regression

TRAIN, TEST = 2000, 1000
SAME = "these features have the same value in all 2,000 training rows looked at"
PREDICTS = (
    "each of these features alone predicts a label (AUC above 0.99); check that their "
    "values are known before the prediction"
)
LACKING = (
    "in these features, many {split} rows have an empty cell, a value that the "
    "training rows lack or hold fewer than min_count times, or a number outside their "
    "range (share of {split} rows; for lists, of their values)"
)
DRIFTED = (
    "these features are distributed differently in {split} rows than in training rows "
    "(PSI)"
)
FEATURES = {
    "shop": {"kind": "sparse"},
    "town": {"kind": "hashed", "num_buckets": 50},
    "both": {"kind": "cross", "columns": ["shop", "town"]},
    "tags": {"kind": "sequence", "max_length": 2},
    "hour": {"kind": "bucketized", "num_buckets": 6},
    "price": {"kind": "dense", "transform": "standard"},
    "age": {"kind": "piecewise_linear", "num_buckets": 3},
}
TASKS = {
    "buy": {"label": "buy", "kind": "binary"},
    "like": {"label": "like", "kind": "binary", "space": "buy"},
    "spent": {"label": "spent", "kind": "regression"},
}


def clean(rows, seed):
    """Columns of which there is nothing to tell."""
    random = np.random.default_rng(seed)
    price = random.normal(size=rows)
    return {
        "shop": random.integers(0, 9, rows).astype(str),
        "town": random.integers(0, 5, rows),
        "tags": [[int(t)] * int(t % 3) for t in random.integers(0, 6, rows)],
        "hour": random.integers(0, 24, rows),
        "price": price,
        "age": random.integers(18, 90, rows),
        "buy": (price + random.normal(size=rows) > 0).astype(int),
        "like": random.integers(0, 2, rows),
        "spent": random.normal(size=rows),
    }


def report_of(folder, features=FEATURES, tasks=TASKS, train=None, test=None, **more):
    """The report on clean rows of which some columns are others."""
    trained = clean(TRAIN, 0) | (train or {})
    tested = clean(TEST, 1) | (test or {})
    path = parquet(folder, trained)
    keys = {"test": str(parquet(folder, tested, "test.parquet"))} | more
    return loaded(path, features, tasks, **keys).report


# Findings


def test_clean_table_has_no_finding(tmp_path):
    found = report_of(tmp_path)
    assert found["findings"] == []
    assert found["splits"] == {"train": TRAIN, "test": TEST}
    assert list(found["features"]) == list(FEATURES)
    assert {n: f["kind"] for n, f in found["features"].items()} == {
        n: f["kind"] for n, f in FEATURES.items()
    }
    assert found["repeated_rows"] == {"test": 0.0}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("shop", "one"),
        ("town", 7),
        ("tags", [3]),
        ("hour", 12),
        ("price", 0.1),
        ("age", 30),
        ("shop", None),
        ("tags", None),
    ],
)
def test_column_of_one_value_is_told(tmp_path, name, value):
    types = {"shop": pa.string(), "tags": pa.list_(pa.int64())}

    def same(rows):
        return {name: pa.array([value] * rows, types.get(name))}

    features = {n: f for n, f in FEATURES.items() if n != "both"}
    found = report_of(tmp_path, features, train=same(TRAIN), test=same(TEST))
    assert found["findings"] == [f"{SAME}: {name}"]
    assert found["features"][name]["distinct"] <= 1


@pytest.mark.parametrize(
    ("name", "feature"),
    [
        ("shop", FEATURES["shop"]),
        ("shop", {"kind": "hashed", "num_buckets": 4}),
        ("tags", FEATURES["tags"]),
        ("price", FEATURES["price"] | {"missing": 9.0}),
        ("hour", FEATURES["hour"] | {"missing": "bucket"}),
    ],
    ids=str,
)
def test_column_of_one_value_and_empty_cells_is_not_constant(tmp_path, name, feature):
    one = {"shop": "yes", "tags": [1], "price": 3.0, "hour": 12}[name]

    def half(rows):
        return {name: [one if i % 2 else None for i in range(rows)]}

    features = {name: feature, "age": FEATURES["age"]}
    found = report_of(tmp_path, features, train=half(TRAIN), test=half(TEST))
    assert found["findings"] == []
    assert found["features"][name]["distinct"] == 2


def test_id_of_rows_is_told_and_a_value_of_two_rows_each_is_not(tmp_path):
    # Its test rows hold the same values.
    for rows_a_value, findings in ((1, 1), (2, 0)):
        known = [f"id{i // rows_a_value}" for i in range(TRAIN)]
        columns = {"train": {"shop": known}, "test": {"shop": known[::2]}}
        features = {"shop": FEATURES["shop"], "price": FEATURES["price"]}
        found = report_of(tmp_path, features, **columns)
        assert found["features"]["shop"]["distinct"] == TRAIN // rows_a_value
        told = "these features look like ids of rows: shop (2,000 values in 2,000 rows)"
        assert found["findings"] == [told] * findings


def test_table_shared_with_long_sequences_makes_no_id_of_rows(tmp_path):
    # The table has 4000 values, the column 9.
    features = {
        "shop": FEATURES["shop"],
        "tags": {"kind": "sequence", "max_length": 2, "table": "shop"},
        "price": FEATURES["price"],
    }
    tags = [[10 + 2 * i, 11 + 2 * i] for i in range(TRAIN)]
    found = report_of(tmp_path, features, train={"tags": tags})
    assert not any("look like ids of rows" in text for text in found["findings"])
    assert found["features"]["shop"]["distinct"] == 9


def test_constant_column_of_a_shared_table_is_told(tmp_path):
    features = {
        "shop": FEATURES["shop"],
        "town": {"kind": "sparse", "table": "shop"},
        "price": FEATURES["price"],
    }
    same = {"train": {"town": ["3"] * TRAIN}, "test": {"town": ["3"] * TEST}}
    found = report_of(tmp_path, features, **same)
    assert found["findings"] == [f"{SAME}: town"]


@pytest.mark.parametrize("noise", [0.001, 0.3])
@pytest.mark.parametrize("kind", ["dense", "bucketized", "sparse"])
def test_feature_that_tells_a_label_is_told_with_its_auc(tmp_path, kind, noise):
    features = {
        "dense": {"kind": "dense", "transform": "none"},
        "bucketized": {"kind": "bucketized", "num_buckets": 4},
        "sparse": {"kind": "sparse"},
    }
    columns = {}
    for name, rows, seed in (("train", TRAIN, 0), ("test", TEST, 1)):
        random = np.random.default_rng(seed + 5)
        buy = clean(rows, seed)["buy"]
        turned = np.where(random.random(rows) < noise, 1 - buy, buy)
        leak = 2 * turned + random.integers(0, 2, rows)
        columns[name] = {"leak": leak.astype(float) if kind == "dense" else leak}
    features = {"leak": features[kind], "age": FEATURES["age"]}
    tasks = {"buy": TASKS["buy"], "spent": TASKS["spent"]}
    found = report_of(tmp_path, features, tasks, **columns)
    auc = found["features"]["leak"]["auc"]
    assert list(auc) == ["buy"]
    # Half of the rows tell each value's rate, the others are scored.
    y = clean(TRAIN, 0)["buy"]
    frame = pd.DataFrame({"y": y, "x": columns["train"]["leak"]})
    half = np.random.default_rng(0).random(TRAIN) < 0.5
    known = frame[half].groupby("x")["y"].agg(["sum", "count"])
    rates = (known["sum"] + y.mean()) / (known["count"] + 1)
    p = frame["x"][~half].map(rates).fillna(y.mean())
    direct = sklearn.metrics.roc_auc_score(y[~half], p)
    if kind != "sparse":
        direct = max(direct, sklearn.metrics.roc_auc_score(y, frame["x"]))
    assert auc["buy"] == pytest.approx(direct, abs=1e-9)
    if noise < 0.01:
        told = f"{PREDICTS}: "
        assert found["findings"] == [f"{told}leak (buy {direct:.4f})"]
    else:
        assert found["findings"] == []


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("name", ["price", "age"])
def test_number_of_which_each_row_has_its_own_tells_a_label_by_its_size(
    tmp_path, name, sign
):
    columns = {}
    for split, rows, seed in (("train", TRAIN, 0), ("test", TEST, 1)):
        random = np.random.default_rng(seed)
        x = random.normal(size=rows)
        near = x + 0.01 * random.normal(size=rows)
        columns[split] = {name: sign * x, "buy": (near > 0).astype(int)}
    tasks = {"buy": TASKS["buy"]}
    features = {name: FEATURES[name], "shop": FEATURES["shop"]}
    found = report_of(tmp_path, features, tasks, **columns)
    x, y = (columns["train"][key] for key in (name, "buy"))
    reached = found["features"][name]["auc"]["buy"]
    direct = sklearn.metrics.roc_auc_score(y, sign * x)
    # The encoded number is float32, and one for all beyond the outer buckets.
    assert reached == pytest.approx(direct, abs=1e-4)
    assert found["findings"] == [f"{PREDICTS}: {name} (buy {reached:.4f})"]


def test_few_rows_of_a_class_tell_nothing_of_a_feature(tmp_path):
    for positives, judged in ((19, False), (20, True)):
        buy = (np.arange(TRAIN) < positives).astype(int)
        features = {"price": FEATURES["price"]}
        train = {"buy": buy, "price": clean(TRAIN, 0)["price"] + 9 * buy}
        found = report_of(tmp_path, features, {"buy": TASKS["buy"]}, train=train)
        assert ("buy" in found["features"]["price"]["auc"]) == judged


def test_few_validation_rows_that_choose_an_epoch_are_told():
    row = np.arange(900)
    labels = {"buy": row % 2, "like": row % 2, "view": row >= 19, "sale": row >= 880}
    labels["visit"] = row >= 881
    outputs = [Output(x, x, Binary(label=x)) for x in labels]
    weights = {x: np.ones(900) for x in labels} | {"like": (row < 49).astype("float32")}
    outputs.append(Output("spent", "sale", Regression(label="sale")))
    weights["spent"] = np.ones(900)
    labels = {x: y.astype("float32") for x, y in labels.items()}
    (line,) = few_valid_rows_findings(outputs, Table({}, labels, weights))
    assert line.startswith(
        "fewer than 50 validation rows of these tasks, or fewer than 20 of"
    )
    assert line.endswith(": like (49), view (19 with label 0), visit (19 with label 1)")


@pytest.mark.parametrize("rare", [0, 1])
def test_few_rows_of_a_class_are_told(tmp_path, rare):
    for number, findings in ((50, 0), (49, 1)):
        buy = np.where(np.arange(TEST) < number, rare, 1 - rare)
        tasks = {"buy": TASKS["buy"]}
        found = report_of(tmp_path, tasks=tasks, test={"buy": buy})
        told = (
            "these tasks have fewer than 50 rows of a class, so an AUC there is "
            "uncertain by 0.08 or more: buy (test 49)"
        )
        assert found["findings"] == [told] * findings


def test_telling_feature_is_judged_on_the_tasks_own_rows(tmp_path):
    # It tells who likes among those who buy, and nothing of the others.
    leak = {}
    for name, rows, seed in (("train", TRAIN, 0), ("test", TEST, 1)):
        columns, random = clean(rows, seed), np.random.default_rng(seed)
        mine = columns["buy"] == 1
        told = np.where(mine, columns["like"], random.integers(0, 2, rows))
        leak[name] = {"leak": 2 * told + random.integers(0, 2, rows)}
    features = {"leak": {"kind": "sparse"}, "price": FEATURES["price"]}
    found = report_of(tmp_path, features, **leak)
    assert found["features"]["leak"]["auc"]["like"] == 1.0
    assert 0.45 < found["features"]["leak"]["auc"]["buy"] < 0.55
    assert found["findings"] == [f"{PREDICTS}: leak (like 1.0000)"]


def test_feature_that_predicts_two_labels_is_told_for_each(tmp_path):
    columns = {}
    for split, rows, seed in (("train", TRAIN, 0), ("test", TEST, 1)):
        random = np.random.default_rng(seed)
        leak = random.integers(0, 4, rows)
        columns[split] = {"leak": leak, "buy": leak // 2, "like": leak % 2}
    features = {"leak": {"kind": "sparse"}, "price": FEATURES["price"]}
    tasks = {"buy": TASKS["buy"], "like": {"label": "like", "kind": "binary"}}
    found = report_of(tmp_path, features, tasks, **columns)
    assert found["findings"] == [f"{PREDICTS}: leak (buy 1.0000), leak (like 1.0000)"]


@pytest.mark.parametrize("turned", slow_except([True], [False, True]))
@pytest.mark.parametrize("kind", ["sparse", "hashed", "bucketized", "dense"])
def test_copy_of_a_label_is_refused(tmp_path, kind, turned):
    more = {
        "bucketized": {"num_buckets": 2},
        "hashed": {"num_buckets": 99},
        "dense": {"transform": "standard"},
    }
    features = {"copy": {"kind": kind} | more.get(kind, {}), "price": FEATURES["price"]}
    copy = {
        name: {"copy": (1 - y if turned else y)}
        for name, y in (
            ("train", clean(TRAIN, 0)["buy"]),
            ("test", np.zeros(TEST, int)),
        )
    }
    with pytest.raises(DataError) as caught:
        report_of(tmp_path, features, **copy)
    assert str(caught.value) == (
        "dataset.features.copy: the 2 values of this feature correspond one to one to "
        "the labels of task buy in all 2,000 rows looked at, so the model would see "
        "the answer; remove the feature"
    )
    copy["train"]["copy"] = copy["train"]["copy"].copy()
    copy["train"]["copy"][0] ^= 1  # all rows but one
    found = report_of(tmp_path, features, **copy)
    assert any(text.startswith(PREDICTS) for text in found["findings"])


def lists_with(labels, place):
    """Lists of noise in which a value tells the label: at the place 0, 1 or 2."""
    lists = np.random.default_rng(0).integers(0, 30, (len(labels), 3)).astype("U3")
    lists[:, place] = np.where(labels, "yes", "no")
    return lists.tolist()


@pytest.mark.parametrize(("place", "text"), [(0, "first"), (2, "last")])
def test_copy_of_a_label_at_an_end_of_lists_is_refused(tmp_path, place, text):
    lists = lists_with(clean(TRAIN, 0)["buy"], place)
    features = {"tags": {"kind": "sequence", "max_length": 3}}
    with pytest.raises(DataError) as caught:
        report_of(tmp_path, features, {"buy": TASKS["buy"]}, train={"tags": lists})
    assert str(caught.value).startswith(
        f"dataset.features.tags: the 2 {text} values in the lists of this feature "
        "correspond one to one to the labels of task buy in all 2,000 rows"
    )


@pytest.mark.parametrize("place", [0, 1, 2])
def test_value_of_lists_that_tells_a_label_is_told(tmp_path, place):
    columns = clean(TRAIN, 0)
    lists = lists_with(columns["like"], place)
    lists[np.argmax(columns["buy"])] = []  # no copy: an empty list is a value too
    features = {"tags": {"kind": "sequence", "max_length": 3}}
    tasks = {name: TASKS[name] for name in ("buy", "like")}
    found = report_of(tmp_path, features, tasks, train={"tags": lists})
    assert found["findings"][0] == f"{PREDICTS}: tags (like 1.0000)"


def test_auc_of_lists_is_that_of_naive_bayes():
    random = np.random.default_rng(0)
    lengths = random.integers(0, 4, 400)
    rows = np.repeat(np.arange(400), lengths)
    codes = random.integers(0, 6, len(rows))
    y = (random.random(400) < 0.3 + 0.1 * np.bincount(rows, codes > 3, 400)) * 1.0
    learn = np.random.default_rng(0).random(400) < 0.5
    scores = np.zeros(400)
    for row, code in zip(rows, codes, strict=True):
        labels = [
            y[r] for r, c in zip(rows, codes, strict=True) if c == code and learn[r]
        ]
        p = (sum(labels) + y.mean()) / (len(labels) + 1)
        scores[row] += np.log(p / (1 - p)) - np.log(y.mean() / (1 - y.mean()))
    direct = sklearn.metrics.roc_auc_score(y[~learn], scores[~learn])
    # Rounding breaks some of the ties of the same values in another order.
    assert univariate_auc(y, codes, None, rows) == pytest.approx(direct, abs=1e-3)
    assert direct > 0.6


@pytest.mark.parametrize("missing", [0, 1])
def test_auc_needs_enough_rows_of_each_class_among_the_rows_it_is_computed_from(
    missing,
):
    """The AUC by value is computed from half of the rows."""
    y = np.zeros(400)
    scored = np.flatnonzero(~random_half(400))
    counted = np.flatnonzero(random_half(400))
    y[scored[: MIN_ROWS_PER_CLASS - missing]] = 1
    y[counted[:50]] = 1
    codes = np.arange(400) % 3
    assert (univariate_auc(y, codes, None) is None) == bool(missing)
    assert (univariate_auc(y, codes, None, np.arange(400)) is None) == bool(missing)
    assert univariate_auc(y, codes, np.arange(3.0)) is not None


def test_values_that_training_rows_lack_are_told_with_their_share(tmp_path):
    lacking, drifted = LACKING.format(split="test"), DRIFTED.format(split="test")
    # Of 1000 values; above a tenth is told, and then not told as drift too.
    for new, told in (
        (250, f"{lacking}: shop (25%)"),
        (100, f"{drifted}: shop (0.62)"),
    ):
        shop = clean(TEST, 1)["shop"].astype(object)
        shop[:new] = "new"
        features = {"shop": FEATURES["shop"], "price": FEATURES["price"]}
        found = report_of(tmp_path, features, test={"shop": shop.tolist()})
        assert found["features"]["shop"]["unseen"] == {"train": 0, "test": new / TEST}
        assert found["findings"] == [told]


@pytest.mark.parametrize("transform", ["standard", "minmax", "log1p", "quantile"])
def test_numbers_outside_the_range_of_the_training_rows_are_told(tmp_path, transform):
    features = {"price": {"kind": "dense", "transform": transform, "missing": "mean"}}
    train = [None, 0.5, 2, 9] * (TRAIN // 4)
    test = [9.1, 9, 0.4, None] * (TEST // 4)
    columns = {"train": {"price": train}, "test": {"price": test}}
    found = report_of(tmp_path, features, **columns)
    assert found["features"]["price"]["unseen"] == {"train": 0, "test": 0.5}
    assert f"{LACKING.format(split='test')}: price (50%)" in found["findings"]


def test_all_values_of_lists_count_for_unseen_values_and_drift(tmp_path):
    def lists(rows, last):
        return {"tags": [["a", last] if i % 2 else [] for i in range(rows)]}

    features = {"tags": {"kind": "sequence", "max_length": 3}}
    features["price"] = FEATURES["price"]
    train, test = lists(TRAIN, "b"), lists(TEST, "b")
    found = report_of(tmp_path, features, train=train, test=test)["features"]["tags"]
    assert found["unseen"] == {"train": 0, "test": 0}
    counts = [TRAIN // 2, TRAIN // 2, TRAIN // 2, 0]  # half of the lists are empty
    assert found["buckets"]["ids"] == [0, 1, 2]
    assert found["buckets"]["counts"] == counts
    assert found["drift"]["test"] < 0.01
    test = lists(TEST, "new")  # the first value of each list is as before
    found = report_of(tmp_path, features, train=train, test=test)["features"]["tags"]
    assert found["unseen"] == {"train": 0, "test": 0.5}
    assert found["drift"]["test"] > 1
    for num_empty in (600, TEST):  # of test rows; half of the training rows are empty
        test = lists(TEST, "b")["tags"]
        test[:num_empty] = [[]] * num_empty
        test = {"tags": pa.array(test, pa.list_(pa.string()))}
        found = report_of(tmp_path, features, train=train, test=test)["features"]
        assert found["tags"]["drift"]["test"] > 0.25


def test_empty_cells_are_missing_and_not_unseen(tmp_path):
    def holed(rows, seed, name):
        x = clean(rows, seed)[name].astype(str).astype(object)
        x[np.random.default_rng(seed).random(rows) < 0.3] = None
        return {name: pa.array(x.tolist())}

    features = {n: FEATURES[n] for n in ("shop", "both", "price")}
    features["town"] = {"kind": "sparse"}
    for name in ("shop", "town"):
        test = holed(TEST, 1, name)
        found = report_of(tmp_path, features, test=test)
        empty = np.mean([v is None for v in test[name].to_pylist()])
        for feature in (name, "both"):
            about = found["features"][feature]
            assert about["unseen"] == {"train": 0, "test": 0}
            assert about["missing"] == {"train": 0, "test": empty}
        lacking = LACKING.format(split="test")
        (told,) = (text for text in found["findings"] if text.startswith(lacking))
        assert f"{name} ({empty:.0%})" in told and f"both ({empty:.0%})" in told


def test_report_of_one_table_is_that_of_a_file_for_each_split(tmp_path):
    # Empty cells were counted by table, so those of held-out rows caused no warning.
    columns = {name: list(x) for name, x in clean(TRAIN, 0).items()}
    for i in range(1700, TRAIN, 3):
        columns["shop"][i] = columns["price"][i] = None
    rows = {"train": (0, 1400), "valid": (1400, 1700), "test": (1700, TRAIN)}
    files = {}
    for split, (start, end) in rows.items():
        part = {name: x[start:end] for name, x in columns.items()}
        files[split] = str(parquet(tmp_path, part, f"{split}.parquet"))
    features = FEATURES | {"price": FEATURES["price"] | {"missing": "mean"}}
    held_out = {"valid_fraction": 0.15, "test_fraction": 0.15, "split_by": "order"}
    table = parquet(tmp_path, columns, "all.parquet")
    report = loaded(table, features, TASKS, **held_out).report
    assert report == loaded(features=features, tasks=TASKS, **files).report
    missing = report["features"]["price"]["missing"]
    assert missing == {"train": 0, "valid": 0, "test": 1 / 3}
    lacking = LACKING.format(split="test")
    assert report["findings"] == [f"{lacking}: shop (33%), both (33%), price (33%)"]


def drift_of_numbers(folder, feature, num_empty, num_outliers=0):
    """The drift of random numbers to test rows, some of them empty or unseen."""

    def columns(rows, seed):
        numbers = np.random.default_rng(seed).integers(0, 200, rows).tolist()
        return {"number": numbers, "one": [1] * rows}

    train, test = columns(TRAIN, 0), columns(TEST, 1)
    changed = [None] * num_empty + [5000] * num_outliers
    test["number"][: len(changed)] = changed
    features = {"changed": feature, "price": FEATURES["price"]}
    if feature["kind"] != "cross":
        train["changed"], test["changed"] = train["number"], test["number"]
    found = report_of(folder, features, train=train, test=test)
    return found["features"]["changed"]["drift"]["test"]


BUCKETIZED = {"kind": "bucketized", "num_buckets": 200, "missing": "bucket"}


@pytest.mark.parametrize(
    "feature",
    [
        {"kind": "sparse"},
        {"kind": "hashed", "num_buckets": 500},
        {"kind": "cross", "columns": ["number", "one"]},
        {"kind": "cross", "columns": ["number", "one"], "num_buckets": 500},
        BUCKETIZED,
    ],
    ids=str,
)
def test_more_empty_cells_are_drift(tmp_path, feature):
    # They were taken for unseen values in place of rare ids.
    assert drift_of_numbers(tmp_path, feature, num_empty=0) < 0.05
    assert drift_of_numbers(tmp_path, feature, num_empty=90) > 0.25


def test_numbers_outside_the_range_do_not_hide_empty_cells(tmp_path):
    empty = drift_of_numbers(tmp_path, BUCKETIZED, num_empty=90)
    both = drift_of_numbers(tmp_path, BUCKETIZED, num_empty=90, num_outliers=90)
    assert both > empty


def test_empty_lists_are_missing_in_every_format(tmp_path):
    tags = clean(TRAIN, 0)["tags"]
    empty = np.mean([not row for row in tags])
    assert 0.2 < empty < 0.5
    with_nulls = [row or None for row in tags]
    as_text = ["|".join(map(str, row)) for row in tags]
    features = {
        "tags": FEATURES["tags"] | {"separator": "|"},
        "price": FEATURES["price"],
    }
    for column in (
        tags,
        pa.array(tags, pa.large_list(pa.int64())),
        with_nulls,
        as_text,
    ):
        about = report_of(tmp_path, features, train={"tags": column})["features"][
            "tags"
        ]
        assert about["missing"]["train"] == empty
        assert about["unseen"]["train"] == 0


def test_values_that_are_rare_in_training_rows_too_are_not_told(tmp_path):
    def tail(rows, seed):
        random = np.random.default_rng(seed)
        shop = random.integers(0, 9, rows).astype(str).astype(object)
        rare = random.random(rows) < 0.3
        shop[rare] = [f"rare{i}" for i in random.integers(0, 10**6, rare.sum())]
        shop[:100] = None
        return {"shop": pa.array(shop.tolist())}, rare[100:].sum() / rows

    (train, share), (test, _) = tail(TRAIN, 0), tail(TEST, 1)
    shop = {"kind": "sparse", "min_count": 3}
    features = {"shop": shop, "price": FEATURES["price"]}
    found = report_of(tmp_path, features, train=train, test=test)
    assert found["findings"] == []
    assert found["features"]["shop"]["unseen"]["train"] == share
    assert found["features"]["shop"]["missing"]["train"] == 100 / TRAIN


def test_large_tables_are_sampled_for_all_but_what_is_counted(tmp_path, monkeypatch):
    monkeypatch.setattr(compute_report, "SAMPLED_ROWS", 500)
    monkeypatch.setenv("MTL_CACHE", str(tmp_path / "cache"))
    shop = clean(TEST, 1)["shop"].astype(object)
    shop[::3] = "new"
    features = {"shop": FEATURES["shop"], "price": FEATURES["price"]}
    train, test = {"price": [1.0] * TRAIN}, {"shop": shop.tolist()}
    found = report_of(tmp_path, features, train=train, test=test)
    assert found["splits"] == {"train": TRAIN, "test": TEST}
    assert found["sampled_rows"] == {"train": 500, "test": 500}
    assert found["features"]["shop"]["unseen"] == {"train": 0, "test": 334 / TEST}
    told = (
        "these features have the same value in all 500 training rows looked at: price"
    )
    assert told in found["findings"]


def test_drift_is_told(tmp_path):
    shifts = {
        "shop": lambda rows, x: np.where(np.arange(rows) % 2, "0", x),
        "price": lambda rows, x: x + 1,
        "hour": lambda rows, x: np.minimum(x + 9, 23),
    }
    for name, shift in shifts.items():
        moved = {name: shift(TEST, clean(TEST, 1)[name])}
        features = {name: FEATURES[name], "age": FEATURES["age"]}
        found = report_of(tmp_path, features, test=moved)
        psi = found["features"][name]["drift"]["test"]
        told = f"{DRIFTED.format(split='test')}: {name} ({psi:.2f})"
        assert found["findings"] == [told]
        assert psi > 0.25 > 0.1 > found["features"]["age"]["drift"]["test"]


def test_repeated_rows_are_told_with_their_share(tmp_path):
    for repeated, findings in ((30, 1), (10, 0)):  # of 1000; above a hundredth is told
        test = clean(TEST, 1)
        for name, x in clean(TRAIN, 0).items():
            test[name] = list(test[name])
            test[name][100 : 100 + repeated] = list(x)[5 : 5 + repeated]
        found = report_of(tmp_path, test=test)
        assert found["repeated_rows"] == {"test": repeated / TEST}
        told = "3.0% of test rows are the same as a training row in all columns that"
        assert found["findings"] == [f"{told} are read"] * findings


def test_rows_that_differ_in_one_cell_are_not_repeated(tmp_path):
    train = {name: list(x)[:TEST] for name, x in clean(TRAIN, 0).items()}
    for name in ("shop", "tags", "spent", "like"):
        test = dict(train)
        test[name] = [
            {"shop": "x", "tags": [9], "spent": -9.0, "like": 1 - v}.get(name, v)
            if name == "like"
            else {"shop": "x", "tags": [9], "spent": -9.0}[name]
            for v in train[name]
        ]
        found = report_of(tmp_path, train=None, test=test)
        assert found["repeated_rows"] == {"test": 0.0}
    # A column that is not read may differ.
    test = {**train, "unread": list(range(TEST))}
    assert report_of(tmp_path, test=test)["repeated_rows"] == {"test": 1.0}


@pytest.mark.parametrize("all_of_them", [True, False])
def test_repeated_rows_of_large_tables_are_found_by_a_part(
    tmp_path, monkeypatch, all_of_them
):
    monkeypatch.setattr(profile_module, "MAX_HASHES", 200)  # of 3000
    monkeypatch.setenv("MTL_CACHE", str(tmp_path / "cache"))
    test = {name: list(x)[:TEST] for name, x in clean(TRAIN, 0).items()}
    found = report_of(tmp_path, test=test if all_of_them else None)
    assert found["repeated_rows"] == {"test": 1.0 if all_of_them else 0.0}


def test_validation_rows_are_compared_too(tmp_path):
    # The last tenth of the training file is another shop's, and a copy.
    shop = clean(TRAIN, 0)["shop"].astype(object)
    shop[1800:] = "new"
    features = {"shop": FEATURES["shop"], "price": FEATURES["price"]}
    options = {"valid_fraction": 0.1, "split_by": "order"}
    found = report_of(tmp_path, features, train={"shop": shop.tolist()}, **options)
    assert found["splits"] == {"train": 1800, "valid": 200, "test": TEST}
    assert found["features"]["shop"]["unseen"] == {"train": 0, "valid": 1, "test": 0}
    told = f"{LACKING.format(split='valid')}: shop (100%)"
    assert told in found["findings"]
    assert not any(text.startswith("test rows") for text in found["findings"])


@pytest.mark.parametrize("kind", ["number", "text", "timestamp"])
def test_test_rows_before_the_last_training_row_are_told_of_a_split_by_time(
    tmp_path, kind
):
    def days(first, count):
        day = np.datetime64("2026-01-01") + (first + np.arange(count) // 100)
        values = {"number": day.astype("int64"), "text": day.astype(str).tolist()}
        return {"day": (values | {"timestamp": day.astype("datetime64[ns]")})[kind]}

    features = {"shop": FEATURES["shop"], "price": FEATURES["price"]}
    by_time = {"valid_fraction": 0.1, "split_by": "time", "split_column": "day"}
    # The training rows end on day 17, the validation rows on day 19.
    for first, early in ((17, 0), (16, 100)):
        train, test = days(0, TRAIN), days(first, TEST)
        found = report_of(tmp_path, features, train=train, test=test, **by_time)
        told = [text for text in found["findings"] if "earlier than the last" in text]
        assert len(told) == bool(early)
        assert all(text.endswith(": test (100 of 1,000)") for text in told)


EARLY = (
    "these rows are earlier than the last training row, although split_by is time, so "
    "their scores say less about future rows: test (1,000 of 1,000)"
)
INCOMPARABLE = (
    "these times cannot be compared with those of train ({}), so it is not known "
    "whether these rows are later than the training rows: test ({})"
)
LOCAL, ZONED = "dates without a time zone", "dates with a time zone"


@pytest.mark.parametrize(
    ("train_type", "test_type", "told"),
    [
        (pa.timestamp("ns"), pa.timestamp("us"), EARLY),
        (pa.timestamp("ns"), pa.date32(), EARLY),
        (pa.timestamp("ns"), pa.string(), EARLY),
        (pa.timestamp("s", "UTC"), pa.timestamp("ms", "Europe/Paris"), EARLY),
        (pa.int32(), pa.float64(), EARLY),
        (pa.int64(), pa.decimal128(20, 0), EARLY),
        (pa.timestamp("ns"), pa.int64(), INCOMPARABLE.format(LOCAL, "numbers")),
        (pa.timestamp("s", "UTC"), pa.string(), INCOMPARABLE.format(ZONED, LOCAL)),
    ],
    ids=lambda value: str(value)[:20],
)
def test_times_of_two_types_are_compared_if_both_are_numbers_or_dates(
    tmp_path, train_type, test_type, told
):
    def days(first, count, dtype):
        day = np.datetime64("2026-01-01") + (first + np.arange(count) // 100)
        cells = pa.array(day.astype("int64") if is_number(dtype) else day)
        return {"day": cells.cast(dtype)}

    features = {"shop": FEATURES["shop"]}
    train, test = days(20, TRAIN, train_type), days(0, TEST, test_type)
    by_time = {"valid_fraction": 0.1, "split_by": "time", "split_column": "day"}
    found = report_of(tmp_path, features, train=train, test=test, **by_time)
    starts = EARLY[:20], INCOMPARABLE[:20]
    assert [text for text in found["findings"] if text.startswith(starts)] == [told]


def test_late_dates_are_compared_with_dates_of_nanoseconds():
    last_time = np.datetime64("2026-01-31", "ns")
    times = np.array(["9999-12-31", "2026-01-30"], "datetime64[us]")
    assert is_earlier(times, last_time).tolist() == [False, True]


# Numbers


def psi_of(train, test, places):
    """The population stability index, a loop over places, each with half a row more."""
    total = 0.0
    for place in places:
        p = (sum(place(x) for x in train) + 0.5) / (len(train) + 0.5 * len(places))
        q = (sum(place(x) for x in test) + 0.5) / (len(test) + 0.5 * len(places))
        total += (p - q) * np.log(p / q)
    return total


def test_drift_of_words_is_the_stability_index_over_the_most_frequent(tmp_path):
    random = np.random.default_rng(0)
    shares = random.permutation(np.arange(1, 31)) / np.arange(31).sum()
    train, test = (
        random.choice(30, rows, p=p).astype(str)
        for rows, p in ((TRAIN, shares), (TEST, shares[::-1]))
    )
    features = {"shop": FEATURES["shop"], "price": FEATURES["price"]}
    found = report_of(tmp_path, features, train={"shop": train}, test={"shop": test})
    names, counts = np.unique(train, return_counts=True)
    # Values of equal count follow each other as their ids do, as numbers.
    ranked = sorted(zip(names, counts, strict=True), key=lambda x: (-x[1], int(x[0])))
    top = [name for name, _ in ranked[:20]]
    places = [lambda x, name=name: x == name for name in top]
    # The id of a value is its number plus 1.
    edges = [0, *found["features"]["shop"]["buckets"]["range_edges"], 99]
    places += [
        lambda x, low=low, high=high: x not in top and low <= int(x) + 1 < high
        for low, high in itertools.pairwise(edges)
    ]
    places.append(lambda x: False)  # unseen values
    direct = psi_of(train.tolist(), test.tolist(), places)
    psi = found["features"]["shop"]["drift"]["test"]
    assert psi == pytest.approx(direct, rel=1e-9)
    # The textbook's index, of shares alone, is near.
    order = np.argsort(-shares)
    p, q = shares[order], shares[::-1][order]
    p, q = (np.append(x[:20], x[20:].sum()) for x in (p, q))
    assert psi == pytest.approx(((p - q) * np.log(p / q)).sum(), rel=0.15)


def test_drift_of_numbers_is_the_stability_index_over_ten_buckets(tmp_path):
    train, test = clean(TRAIN, 0)["price"], clean(TEST, 1)["price"] * 1.5 + 0.5
    features = {"price": {"kind": "dense", "transform": "none"}}
    found = report_of(tmp_path, features, test={"price": test})
    train, test = train.astype("float32"), test.astype("float32")
    ends = [-np.inf, *np.quantile(train, np.arange(1, 10) / 10), np.inf]
    places = [
        lambda x, i=i: bool(ends[i] <= x < ends[i + 1]) for i in range(len(ends) - 1)
    ]
    direct = psi_of(train.tolist(), test.tolist(), places)
    assert found["features"]["price"]["drift"]["test"] == pytest.approx(
        direct, rel=1e-6
    )


@pytest.mark.parametrize("num_ids", [50, 400, 2000])
@pytest.mark.parametrize("min_count", [1, 2])
def test_drift_of_many_ids_is_seen_and_a_random_half_has_none(
    tmp_path, num_ids, min_count
):
    shops = np.random.default_rng(3).integers(0, num_ids, 2 * TRAIN)
    shop = FEATURES["shop"] | {"min_count": min_count}
    features = {"shop": shop, "price": FEATURES["price"]}

    def drift(train_shops, test_shops):
        columns = {"train": {"shop": train_shops}, "test": {"shop": test_shops}}
        found = report_of(tmp_path, features, **columns)["features"]["shop"]
        return found["drift"]["test"]

    assert drift(shops[:TRAIN], shops[TRAIN:][:TEST]) < 0.1
    assert drift(shops[:TRAIN], shops[TRAIN:][:TEST] // 5) > 1
    assert drift(shops[:TRAIN], shops[TRAIN:][:TEST] + num_ids // 5) > 0.1


def test_few_rows_tell_nothing_of_drift(tmp_path):
    test = {name: list(x)[:99] for name, x in clean(TEST, 1).items()}
    test["shop"] = ["0"] * 99
    found = report_of(tmp_path, test=test)
    drifts = {f["drift"]["test"] for f in found["features"].values()}
    assert drifts == {0.0}


def test_counts_of_tasks_are_those_of_their_own_rows(tmp_path):
    random = np.random.default_rng(0)
    like = [None if r < 0.9 else int(r < 0.95) for r in random.random(TRAIN)]
    found = report_of(tmp_path, train={"like": like})
    columns = clean(TRAIN, 0)
    mine = [y for y, b in zip(like, columns["buy"], strict=True) if b and y is not None]
    assert found["tasks"]["buy"]["train"] == {
        "rows": TRAIN,
        "positives": columns["buy"].sum(),
    }
    assert found["tasks"]["like"]["train"] == {
        "rows": len(mine),
        "positives": sum(mine),
    }
    assert found["tasks"]["spent"] == {"train": {"rows": TRAIN}, "test": {"rows": TEST}}


@pytest.mark.parametrize("empty", [None, float("nan")])
def test_share_of_empty_cells_is_exact_by_file(tmp_path, empty):
    # A file that NumPy's numbers were written to holds NaN.
    features = {
        "price": FEATURES["price"] | {"missing": "mean"},
        "both": FEATURES["both"],
        "age": FEATURES["age"],
    }
    price = clean(TRAIN, 0)["price"].tolist()
    price[:500] = [empty] * 500
    shop = clean(TEST, 1)["shop"].astype(object)
    shop[:70] = None
    town = clean(TEST, 1)["town"].astype(object)
    town[50:90] = None
    found = report_of(
        tmp_path,
        features,
        train={"price": pa.array(price, from_pandas=False)},
        test={"shop": shop.tolist(), "town": town.tolist()},
    )["features"]
    assert found["price"]["missing"] == {"train": 0.25, "test": 0}
    assert found["both"]["missing"] == {"train": 0, "test": 0.09}  # a cell of the two
    assert found["age"]["missing"] == {"train": 0, "test": 0}


def test_number_of_values_is_exact(tmp_path):
    found = report_of(tmp_path)["features"]
    columns = clean(TRAIN, 0)
    assert found["shop"]["distinct"] == 9
    assert found["town"]["distinct"] == 5
    assert found["both"]["distinct"] == 45
    assert found["tags"]["distinct"] == len({t for row in columns["tags"] for t in row})
    assert found["hour"]["distinct"] == 6
    assert found["price"]["distinct"] == len(set(columns["price"].astype("float32")))
    assert found["age"]["distinct"] == len(set(columns["age"]))


@pytest.mark.parametrize("is_continued", [False, True])
def test_number_of_values_of_lists_counts_all_values_of_this_column(
    tmp_path, is_continued
):
    # The table holds the 9 shops too, or 100 values of an earlier run. Counted were
    # all values of the table, and only the first value of each list.
    columns = clean(TRAIN, 0)
    columns["tags"] = [["all", str(i % 4)] if i % 2 else [] for i in range(TRAIN)]
    features = {"shop": FEATURES["shop"], "tags": FEATURES["tags"]}
    earlier = {"tags": {"vocabulary": [f"old {i}" for i in range(100)]}}
    if not is_continued:
        features["tags"] = features["tags"] | {"table": "shop"}
        earlier = None
    dataset = declared(parquet(tmp_path, columns), features, {"buy": TASKS["buy"]})
    report = load(dataset, outputs(dataset), earlier).report
    assert report["features"]["tags"]["distinct"] == 3  # "all", "1" and "3"
    assert report["findings"] == []


@pytest.mark.parametrize(
    "feature",
    [
        {"kind": "piecewise_linear", "num_buckets": 16},
        {"kind": "bucketized", "num_buckets": 16},
        {"kind": "bucketized", "num_buckets": 16, "ramps": True},
        {"kind": "dense", "transform": "quantile"},
        {"kind": "dense", "transform": "standard"},
    ],
    ids=str,
)
def test_range_of_an_earlier_run_is_told_only_if_most_rows_have_left_it(
    tmp_path, feature
):
    prices = np.exp(np.random.default_rng(0).normal(3, 1, TRAIN)).round(2)
    # A value that most rows hold has a bucket of its own, also in later runs.
    mostly_zero = np.where(np.arange(TRAIN) % 10, 0, prices)

    def findings(train, earlier):
        columns = clean(TRAIN, 0) | {"price": train, "zero": mostly_zero}
        features = {"price": feature, "zero": feature}
        dataset = declared(parquet(tmp_path, columns), features, {"buy": TASKS["buy"]})
        data = load(dataset, outputs(dataset), earlier)
        return data.features.learnt, data.report["findings"]

    learnt, _ = findings(prices, None)
    assert findings(2 * prices, learnt)[1] == []  # with a new maximum
    for changed in (1000 * prices, prices / 10_000):
        told = findings(changed, learnt)[1]
        (finding,) = (text for text in told if "start_from.refit" in text)
        assert re.search(r": price \((100|9\d)%\)$", finding)


def test_empty_cells_lie_in_the_range_of_an_earlier_run(tmp_path):
    feature = {"kind": "dense", "transform": "quantile", "missing": 0}
    age = {"hour": FEATURES["hour"]}

    def load_prices(prices, earlier=None):
        columns = clean(TRAIN, 0) | {"price": prices}
        dataset = declared(parquet(tmp_path, columns), {"price": feature} | age, TASKS)
        return load(dataset, outputs(dataset), earlier)

    learnt = load_prices(np.linspace(0, 1, TRAIN)).features.learnt
    prices = np.where(np.arange(TRAIN) % 3, np.nan, 9.0)  # a third is outside
    findings = load_prices(prices, learnt).report["findings"]
    assert not any("range" in finding for finding in findings)


def test_edges_of_the_data_set_are_no_learnt_range(tmp_path):
    feature = {"kind": "bucketized", "edges": [0.0, 1.0, 2.0]}
    columns = clean(TRAIN, 0) | {"price": np.linspace(3, 4, TRAIN)}
    dataset = declared(
        parquet(tmp_path, columns), {"price": feature, "hour": FEATURES["hour"]}, TASKS
    )
    learnt = load(dataset, outputs(dataset)).features.learnt
    assert (learnt["price"]["low"], learnt["price"]["high"]) == (3, 4)
    findings = load(dataset, outputs(dataset), learnt).report["findings"]
    assert not any("range" in finding for finding in findings)


@pytest.mark.parametrize(
    "feature",
    [
        {"kind": "sparse"},
        {"kind": "hashed", "num_buckets": 1000},
        {"kind": "cross", "columns": ["shop", "town"]},
        {"kind": "cross", "columns": ["shop", "town"], "num_buckets": 1000},
    ],
    ids=str,
)
def test_empty_cells_are_not_a_value(tmp_path, feature):
    towns = [[None, "a", "b"][i % 3] for i in range(TRAIN)]
    name = "both" if feature["kind"] == "cross" else "town"
    features = {name: feature, "price": FEATURES["price"]}
    train = {"town": towns, "shop": ["x"] * TRAIN}
    assert report_of(tmp_path, features, train=train)["features"][name]["distinct"] == 2


def test_sample_of_a_large_table_is_of_blocks_all_over_it(monkeypatch):
    monkeypatch.setattr(compute_report, "SAMPLED_ROWS", 100)
    monkeypatch.setattr(compute_report, "SAMPLED_BLOCKS", 10)
    numbers = np.arange(1037)
    table = Table({"dense": numbers[:, None]}, {"y": numbers}, {"y": numbers})
    sample = compute_report.sample(table)
    rows = sample.labels["y"]
    assert len(set(rows)) == 100
    assert (rows[0], rows[-1]) == (0, 1036)
    starts = rows[::10]
    assert (np.diff(starts) >= 10).all()
    np.testing.assert_array_equal(rows, np.repeat(starts, 10) + np.arange(100) % 10)
    np.testing.assert_array_equal(sample.features["dense"][:, 0], rows)
    assert compute_report.sample(table.read(0, 100)).num_rows == 100


# check_only


@pytest.mark.slow
def test_check_only_prints_the_tables_and_trains_nothing(tmp_path):
    leak = clean(TRAIN, 0)
    train = pa.table(leak | {"flat": [1.0] * TRAIN})
    repeated = train.slice(10, 200)
    pyarrow.csv.write_csv(train.drop_columns("tags"), tmp_path / "train.csv")
    test = pa.concat_tables([pa.table(clean(800, 1) | {"flat": [1.0] * 800}), repeated])
    pyarrow.csv.write_csv(test.drop_columns("tags"), tmp_path / "test.csv")
    features = {n: f for n, f in FEATURES.items() if n != "tags"}
    features["flat"] = {"kind": "dense", "transform": "none"}
    keys = values("train.csv", features, TASKS, valid_fraction=0.1, test="test.csv")
    (tmp_path / "conf" / "dataset").mkdir(parents=True)
    text = yaml.safe_dump(keys, sort_keys=False)
    (tmp_path / "conf" / "dataset" / "odd.yaml").write_text(text)
    told = subprocess.run(
        [
            *(sys.executable, "-X", "importtime", "-m", "mtl_cli.cli.train"),
            *("dataset=odd", "check_only=true", "hydra.run.dir=run"),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(PACKAGE.parent)},
    )
    assert told.returncode == 0, told.stderr[-2000:]
    assert not re.search(r"\| +tensorflow\b", told.stderr)
    run = tmp_path / "run"
    assert {str(p.relative_to(run)) for p in run.rglob("*") if p.is_file()} == {
        "config.yaml",
        "data_report.json",
        "status.json",
        "train.log",
    }
    assert json.loads((run / "status.json").read_text())["status"] == "done"
    found = json.loads((run / "data_report.json").read_text())
    fraction = found["repeated_rows"]["test"]
    assert found["findings"] == [
        "these features have the same value in all 1,800 training rows looked at: flat",
        f"{fraction:.1%} of test rows are the same as a training row in all columns "
        "that are read",
    ]
    # Some of the 200 rows that are repeated are held out for validation.
    assert 0.16 < fraction < 0.2
    for log in (told.stdout, (run / "train.log").read_text()):
        lines = [line.split() for line in log.splitlines()]
        for name, about in found["features"].items():
            (row,) = (line for line in lines if line[:2] == [name, about["kind"]])
            assert row[2:4] == [f"{about['distinct']:,}", "0.0%"]
            assert row[5] == f"{about['drift']['test']:.3f}"
        counts = found["tasks"]["buy"]
        cells = [f"{counts[s][k]:,}" for s in counts for k in ("rows", "positives")]
        assert ["buy", *cells] in lines
        assert "check_only: nothing was trained" in log
        for text in found["findings"]:
            assert f"warning: {text}" in log
        assert log.count("rows are the same as a training row") == 1
