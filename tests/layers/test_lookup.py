"""The look-up of vectors: tables grouped by width, sequences pooled."""

import keras
import numpy as np
import pyarrow as pa
import pytest
from helpers.fitted_columns import fit_and_encode
from helpers.planted_data import config, loaded, parquet, values

from mtl_cli.columns.layout import Block, EmbeddingTable, Layout
from mtl_cli.features.sequence import Sequence
from mtl_cli.features.sparse import Sparse
from mtl_cli.layers.lookup import look_up, table_groups
from mtl_cli.layers.pooling import pool
from mtl_cli.network.build import build, connect_inputs

FLOAT32 = 1e-6  # rounding of a few float32 operations

ITEM = Sparse(kind="sparse", min_count=2)

HISTORY = Sequence(kind="sequence", max_length=3, table="item")

LAST = Sparse(kind="sparse", table="item")


def test_features_of_a_shared_table_read_the_same_vector():
    features = {"item": ITEM, "history": HISTORY, "last": LAST, "own": ITEM}
    columns = {"item": [10, 11, 12], "history": [[10], [11], [12]]}
    columns |= {"last": [10, 11, 12], "own": [10, 11, 12]}
    feature_set, found = fit_and_encode(features, **columns)
    assert list(feature_set.layout.tables) == ["item", "own"]
    (group,) = table_groups(feature_set.layout, 4)
    vectors = look_up(found, feature_set.layout, group)[0].numpy()  # (B, F, dim)
    assert vectors.shape == (3, 4, 4)
    item, last, own, history = vectors.transpose(1, 0, 2)
    np.testing.assert_array_equal(item, last)
    np.testing.assert_array_equal(item, history)
    assert len(np.unique(item, axis=0)) == 3
    assert (own != item).any()


def test_network_has_one_table_for_features_that_share_one(tmp_path):
    features = {
        "item": {"kind": "sparse"},
        "history": {"kind": "sequence", "max_length": 3, "table": "item"},
    }
    columns = {"item": [1, 2, 3, 1], "history": [[1], [4, 2], [], None]}
    columns["buy"] = [0, 1, 0, 1]
    tasks = {"buy": {"label": "buy", "kind": "binary"}}
    chosen = config(values(parquet(tmp_path, columns), features, tasks))
    feature_set = loaded(tmp_path / "train.parquet", features, tasks).features
    network = build(chosen, feature_set.layout)
    tables = [w for w in network.logits.weights if w.name == "table"]
    assert [tuple(table.shape) for table in tables] == [(1 + 4, 4)]


LAYOUT = Layout(
    {
        "a": EmbeddingTable(16),
        "b": EmbeddingTable(9, dim=3),
        "c": EmbeddingTable(81, dim="auto", trains_unknown=True),
        "d": EmbeddingTable(5, dim=3, frozen=True),
    },
    {name: Block("ids", table=name) for name in "abd"}
    | {
        "c_list": Block("sequences", 2, "c", "mean"),
        "a_list": Block("sequences", 3, "a", "sum"),
    },
)


@pytest.mark.parametrize(("default", "of_a"), [(8, 8), ("auto", 12)])
def test_length_of_a_vector_is_the_features_or_6_times_the_fourth_root(default, of_a):
    # 6 * 16 ** 0.25 = 12, 6 * 81 ** 0.25 = 18
    groups = table_groups(LAYOUT, default)
    found = {name: (g.dim, g.frozen) for g in groups for name in g.sizes}
    assert found == {"a": (of_a, False), "b": (3, False), "c": (18, False)} | {
        "d": (3, True)
    }
    assert [g.layer for g in groups] == [
        f"embedding_{of_a}",
        "embedding_3",
        "embedding_18",
        "embedding_3_frozen",
    ]


def inputs(rows=6, seed=0):
    """Random rows of LAYOUT; the second row has no value, the third one."""
    random = np.random.default_rng(seed)
    weights = random.exponential(size=(rows, 5)).astype("float32")
    weights[1] = 0
    weights[2, 1:2] = weights[2, 3:] = 0
    return {
        "ids": random.integers(0, [16, 9, 5], (rows, 3)).astype("int32"),
        "sequences": random.integers(0, 16, (rows, 5)).astype("int32"),
        "sequence_weights": weights,
    }


def test_look_up_gives_each_feature_the_vectors_of_its_table():
    x = inputs()
    for group in table_groups(LAYOUT, 8):
        symbols = connect_inputs(LAYOUT)
        model = keras.Model(symbols, look_up(symbols, LAYOUT, group, num_sets=2))
        (layer,) = (la for la in model.layers if hasattr(la, "table"))
        assert layer.trainable is not group.frozen
        sizes = group.sizes.values()
        whole = layer.table.numpy().reshape(sum(sizes), 2, group.dim)
        starts = dict(zip(group.sizes, np.cumsum([0, *sizes]), strict=False))
        wanted = [
            whole[starts[table] + x["ids"][:, i]]
            for i, table in enumerate("abd")
            if table in starts
        ]
        for table, span in {"c": slice(0, 2), "a": slice(2, 5)}.items():
            if table in starts:
                vectors = whole[starts[table] + x["sequences"][:, span]]
                weights = x["sequence_weights"][:, span, None, None]
                if table == "a":
                    weights = weights * (x["sequences"][:, span, None, None] > 0)
                else:  # pooling mean
                    weights = weights / np.maximum(weights.sum(axis=1)[:, None], 1e-9)
                wanted.append((vectors * weights).sum(axis=1))
        expected = np.stack(wanted).transpose(2, 1, 0, 3)  # (sets, B, F, dim)
        np.testing.assert_allclose(model(x), expected, rtol=FLOAT32, atol=1e-7)


FROZEN = {"pretrained": {"vectors": "v.npy", "ids": "ids.txt", "frozen": True}}


@pytest.mark.parametrize("pooling", ["mean", "sum", "max"])
@pytest.mark.parametrize(
    ("keys", "counts"),
    [({}, False), ({"min_count": 2}, True), ({"min_count": 2} | FROZEN, False)],
    ids=["all known", "rare values", "frozen"],
)
def test_unknown_values_of_a_list_count_only_if_training_learns_their_vector(
    keys, counts, pooling
):
    weights = {} if pooling == "max" else {"weights": "w"}
    features = {
        "item": Sparse(kind="sparse", **keys),
        "list": Sequence(
            kind="sequence", max_length=4, table="item", pooling=pooling, **weights
        ),
    }
    item = ["a", "a"]
    feature_set, _ = fit_and_encode(features, item=item, list=[["a"]] * 2, w=[[1]] * 2)
    found = feature_set.encode(
        pa.table({"item": item, "list": [["a", "new"], ["new"]], "w": [[1, 3], [1]]})
    )
    symbols = connect_inputs(feature_set.layout)
    (group,) = table_groups(feature_set.layout, 1)
    model = keras.Model(symbols, look_up(symbols, feature_set.layout, group))
    (layer,) = (la for la in model.layers if hasattr(la, "table"))
    layer.table.assign([[5], [-1]])  # the vectors of unknown values and of "a"
    expected = [-1, 0]
    if counts:
        expected = {"mean": [3.5, 5], "sum": [14, 5], "max": [5, 5]}[pooling]
    np.testing.assert_allclose(model(found)[0, :, 1, 0], expected, rtol=FLOAT32)


@pytest.mark.parametrize("pooling", ["mean", "sum", "max"])
def test_pooling_equals_numpys_and_is_zero_without_a_value(pooling):
    random = np.random.default_rng(1)
    vectors = random.normal(size=(2, 5, 4, 3)).astype("float32") - 5  # below zero
    lengths = [4, 0, 1, 2, 3]
    present = np.arange(4) < np.array(lengths)[:, None]
    counts = present * random.integers(1, 5, (5, 4)).astype("float32")
    found = pool(vectors, counts, pooling).numpy()
    assert found.shape == (2, 5, 1, 3)
    for row, length in enumerate(lengths):
        for mine, held in zip(found[:, row, 0], vectors[:, row], strict=True):
            if not length:
                assert (mine == 0).all()
            elif pooling == "max":
                np.testing.assert_array_equal(mine, held[:length].max(axis=0))
            else:
                w = counts[row, :length]
                total = (w[:, None] * held[:length]).sum(axis=0)
                total = total / w.sum() if pooling == "mean" else total
                np.testing.assert_allclose(mine, total, rtol=FLOAT32 * 5)
