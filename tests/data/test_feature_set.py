"""All features of a data set together: order, layout, shared tables, saved form."""

import json

import numpy as np
import pyarrow as pa
import pytest
from helpers.fitted_columns import HUGE, column_table, fit_and_encode, fitted_column
from helpers.planted_data import fitted_features, loaded, parquet

from mtl_cli.columns.layout import EmbeddingTable
from mtl_cli.data.feature_set import FeatureSet
from mtl_cli.features.bucketized import Bucketized
from mtl_cli.features.cross import Cross
from mtl_cli.features.dense import Dense
from mtl_cli.features.hashed import Hashed
from mtl_cli.features.piecewise_linear import PiecewiseLinear
from mtl_cli.features.sequence import Sequence
from mtl_cli.features.sparse import Sparse

SPARSE = Sparse(kind="sparse")


def test_features_keep_their_order_and_their_columns():
    declared = {
        "d": Dense(kind="dense", transform="none"),
        "s": SPARSE,
        "p": PiecewiseLinear(kind="piecewise_linear", num_buckets=2),
        "b": Bucketized(kind="bucketized", num_buckets=2),
    }
    columns = pa.table(
        {
            "b": [5.0, 6.0, 7.0, 8.0],
            "p": [0.0, 1.0, 2.0, 4.0],
            "s": ["v", "u", "u", "v"],
            "d": [10, 20, 30, 40],
        }
    )
    features = fitted_features(declared, columns)
    assert {n: t.size for n, t in features.layout.tables.items()} == {"s": 3, "b": 3}
    assert [b.table for b in features.layout.blocks.values()] == [None, "s", None, "b"]
    assert features.layout.width("dense") == 3
    found = features.encode(columns)
    assert found["ids"].tolist() == [[2, 1], [1, 1], [1, 2], [2, 2]]
    assert found["dense"].tolist() == [[10, 0, 0], [20, 0.5, 0], [30, 1, 0], [40, 1, 1]]
    assert (found["ids"].dtype, found["dense"].dtype) == (np.int32, np.float32)


def test_inputs_that_no_feature_gives_are_left_out():
    assert list(fitted_column(SPARSE, [1]).encode(column_table([1]))) == ["ids"]
    only_dense = fitted_column(Dense(kind="dense", transform="none"), [1])
    assert list(only_dense.encode(column_table([1]))) == ["dense"]


ITEM = Sparse(kind="sparse", min_count=2)

HISTORY = Sequence(kind="sequence", max_length=3, table="item")

LAST = Sparse(kind="sparse", table="item")

ROWS = {
    "item": [10, 11, 12, 12],
    "history": [[10, 13], [13, 11], [], [14]],
    "last": [15, None, 14, 16],
}


@pytest.mark.parametrize("order", [["item", "history", "last"], ["last", "item"]])
def test_vocabulary_of_a_shared_table_counts_all_its_features(order):
    features = {"item": ITEM, "history": HISTORY, "last": LAST}
    feature_set, found = fit_and_encode(
        {name: features[name] for name in order}, **ROWS
    )
    counts = {}
    for name in order:
        for value in ROWS[name]:
            for v in value if isinstance(value, list) else [value]:
                counts[v] = counts.get(v, 0) + 1
    counts.pop(None)
    known = [str(v) for v in sorted(counts) if counts[v] >= 2]
    assert feature_set.learnt["item"] == {"vocabulary": known}
    table = EmbeddingTable(len(known) + 1, trains_unknown=True)
    assert feature_set.layout.tables == {"item": table}
    place = {int(v): i + 1 for i, v in enumerate(known)}
    for column, name in enumerate(n for n in order if n != "history"):
        wanted = [place.get(v, 0) for v in ROWS[name]]
        assert found["ids"][:, column].tolist() == wanted


def test_column_may_be_a_number_to_one_feature_and_a_word_to_another(tmp_path):
    # A text file's column has one type, but hour is a bucket and half of a cross.
    rows = "user,hour,buy\nu,1,0\nv,2,1\nu,3,1\nv,4,0\n"
    (tmp_path / "train.csv").write_text(rows)
    features = {
        "hour": {"kind": "bucketized", "num_buckets": 2},
        "when": {"kind": "cross", "columns": ["user", "hour"]},
    }
    tasks = {"buy": {"label": "buy", "kind": "binary"}}
    for order in (list(features), list(features)[::-1]):
        chosen = {name: features[name] for name in order}
        found = loaded(tmp_path / "train.csv", chosen, tasks).splits["train"].features
        columns = dict(zip(order, found["ids"].T.tolist(), strict=True))
        assert columns == {"hour": [1, 1, 2, 2], "when": [1, 3, 2, 4]}


ALL_KINDS = {
    "s": Sparse(kind="sparse", min_count=2),
    "i": SPARSE,
    "y": SPARSE,
    "h": Hashed(kind="hashed", num_buckets=5),
    "c": Cross(kind="cross", columns=["s", "h"]),
    "ch": Cross(kind="cross", columns=["s", "h"], num_buckets=4),
    "q": Sequence(kind="sequence", max_length=2),
    "t": Sequence(kind="sequence", max_length=3, table="s", separator=" ", weights="w"),
    "b": Bucketized(kind="bucketized", num_buckets=3, missing="bucket"),
    "e": Bucketized(kind="bucketized", edges=[0.1, 0.7]),
    "d": Dense(kind="dense", transform="log1p", missing="mean"),
    **{
        transform: Dense(kind="dense", transform=transform)
        for transform in ("standard", "minmax", "quantile", "none")
    },
    "p": PiecewiseLinear(kind="piecewise_linear", num_buckets=3, missing=0.5),
}

LEARN_NOTHING = ["h", "t", "ch", "e", "none"]  # of their own


def all_columns():
    """Columns of ALL_KINDS; the last rows hold what the first ones do not."""
    random = np.random.default_rng(2)
    x = random.normal(size=40) + np.arange(40)
    gaps = [None if i % 5 == 0 else float(v) for i, v in enumerate(x)]
    return {
        "s": [f"ä{i % 7 + i // 30}" if i % 6 else None for i in range(40)],
        "i": [HUGE - 2 * (i // 10) for i in range(40)],
        "y": [i < 30 for i in range(40)],
        "h": [i % 9 for i in range(40)],
        "q": [[HUGE + j + i // 10 for j in range(i % 4)] for i in range(40)],
        "t": [f"ä1 v{i // 10}" if i % 2 else None for i in range(40)],
        "w": ["1 0.5" if i % 2 else None for i in range(40)],
        "b": gaps,
        "e": x,
        "d": gaps,
        **dict.fromkeys(("standard", "minmax", "quantile", "none"), x),
        "p": gaps,
    }


def test_all_kinds_learn_from_training_rows_alone(tmp_path):
    columns = all_columns() | {"buy": [i % 2 for i in range(40)]}
    tasks = {"buy": {"label": "buy", "kind": "binary"}}
    features = {name: f.model_dump() for name, f in ALL_KINDS.items()}
    options = {"valid_fraction": 0.25, "split_by": "order"}
    found = loaded(parquet(tmp_path, columns), features, tasks, **options)
    table = pa.table(columns)
    alone = fitted_features(ALL_KINDS, table.slice(0, 30))
    everything = fitted_features(ALL_KINDS, table)
    for name, statistics in found.features.learnt.items():
        assert statistics == alone.learnt[name], name
        if name not in LEARN_NOTHING:
            assert statistics != everything.learnt[name], name


def test_statistics_of_all_kinds_survive_json():
    columns = all_columns()
    feature_set, found = fit_and_encode(ALL_KINDS, **columns)
    assert list(found) == ["ids", "dense", "sequences", "sequence_weights"]
    text = json.dumps(feature_set.learnt, allow_nan=False)
    again = FeatureSet(ALL_KINDS, json.loads(text))
    assert again.layout == feature_set.layout
    encoded = again.encode(pa.table(columns))
    assert encoded.keys() == found.keys()
    for name, same in encoded.items():
        np.testing.assert_array_equal(found[name], same, strict=True)


def test_users_of_tables_are_counted_once_however_many_features_there_are(monkeypatch):
    features = {f"f{i}": SPARSE for i in range(50)}
    features["twin"] = Sparse(kind="sparse", table="f0")
    feature_set = FeatureSet(features, {})
    calls = []
    real = Sparse.table_owner
    monkeypatch.setattr(
        Sparse, "table_owner", lambda self, name: calls.append(1) or real(self, name)
    )
    sharing = [name for name in features if feature_set.shares_table(name)]
    assert sharing == ["f0", "twin"]
    assert len(calls) == 2 * len(features)  # not the square of the number
