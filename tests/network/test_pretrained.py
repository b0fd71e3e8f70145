"""Embedding tables that start from vectors in files."""

import numpy as np
import pyarrow as pa
import pytest
from helpers.fitted_columns import fit_and_encode
from helpers.planted_data import config, loaded, parquet, run_in, values

from mtl_cli.columns.layout import EmbeddingTable
from mtl_cli.core import tensorflow_runtime
from mtl_cli.core.errors import DataError
from mtl_cli.core.other_files import read_json_object
from mtl_cli.core.written_files import sha256
from mtl_cli.features.base import Pretrained
from mtl_cli.features.sequence import Sequence
from mtl_cli.network import pretrained
from mtl_cli.network.build import build
from mtl_cli.runs import saved_model
from mtl_cli.training.progress import Progress
from mtl_cli.training.train import train

VECTORS = np.random.default_rng(3).normal(size=(5, 4)).astype("float32")

KNOWN_IDS = ["12", "nobody", "10", "15", "11"]

TASKS = {
    "buy": {"label": "buy", "kind": "binary"},
    "like": {"label": "like", "kind": "binary"},
}


def data_set_with_vectors(folder, frozen=False, **more):
    """The keys of a data set of items 10 to 19; 10, 11, 12 and 15 have vectors."""
    random = np.random.default_rng(4)
    item = np.concatenate([np.arange(10, 20), random.integers(10, 20, 190)])
    columns = {"user": random.integers(0, 5, 200), "item": item}
    columns["history"] = [[int(i)] for i in random.integers(10, 20, 200)]
    columns |= {name: random.integers(0, 2, 200) for name in TASKS}
    np.save(folder / "vectors.npy", VECTORS)
    (folder / "ids.txt").write_text("\n".join(KNOWN_IDS) + "\n")
    paths = {"vectors": str(folder / "vectors.npy"), "ids": str(folder / "ids.txt")}
    features = {
        "user": {"kind": "sparse"},
        "item": {"kind": "sparse", "pretrained": paths | {"frozen": frozen}, **more},
        "history": {"kind": "sequence", "max_length": 1, "table": "item"},
    }
    return values(parquet(folder, columns), features, TASKS, valid_fraction=0.2)


def networks_with_and_without_vectors(chosen):
    """A network that starts from the vectors, one that does not, and the features."""
    data = loaded(**chosen.dataset.model_dump())
    networks = []
    for starts in (pretrained.read_all(chosen, data.features), {}):
        tensorflow_runtime.start(chosen.seed, deterministic=True)
        network = build(chosen, data.features.layout)
        pretrained.write_into_tables(network, chosen, data.features, starts)
        networks.append(network)
    return *networks, data


def item_vectors(network, data, layer, num_sets=1):
    """The vectors of items 10 to 19, (sets, 10, dim), as the layer gives them."""
    rows = data.features.encode(
        pa.table({"user": [0] * 10, "item": np.arange(10, 20), "history": [[10]] * 10})
    )
    table = network.logits.get_layer(layer).table.numpy()
    sizes = {name: t.size for name, t in data.features.layout.tables.items()}
    first = sizes["user"] if layer == "embedding" else 0
    found = table[first + rows["ids"][:, 1]]
    return found.reshape(10, num_sets, -1).transpose(1, 0, 2)


@pytest.mark.parametrize("model", ["shared_bottom", "single_task"])
@pytest.mark.parametrize("frozen", [False, True])
def test_vectors_are_the_rows_of_their_values_and_others_are_random_or_frozen_zeros(
    tmp_path, model, frozen
):
    chosen = config(data_set_with_vectors(tmp_path, frozen), f"model={model}")
    network, plain, data = networks_with_and_without_vectors(chosen)
    num_sets = 2 if model == "single_task" else 1
    layer = "embedding_4_frozen" if frozen else "embedding"
    found, start = (item_vectors(n, data, layer, num_sets) for n in (network, plain))
    given = {int(i): v for i, v in zip(KNOWN_IDS, VECTORS, strict=True) if i.isdigit()}
    for vectors, others in zip(found, start, strict=True):
        for item in range(10, 20):
            start = np.zeros(4) if frozen else others[item - 10]
            wanted = given.get(item, start)
            np.testing.assert_array_equal(vectors[item - 10], wanted)
    differing = sum(
        (a.numpy() != b.numpy()).sum()
        for a, b in zip(network.logits.weights, plain.logits.weights, strict=True)
    )
    assert differing == num_sets * (10 if frozen else len(given)) * 4


@pytest.mark.parametrize("model", ["shared_bottom", "single_task"])
def test_vectors_reach_the_network_of_every_task(tmp_path, model):
    chosen = config(data_set_with_vectors(tmp_path, frozen=True), f"model={model}")
    network, _, data = networks_with_and_without_vectors(chosen)
    layer = network.logits.get_layer("embedding_4_frozen")
    place = data.features.learnt["item"]["vocabulary"].index("12") + 1
    found = layer(np.full((1, 2), place)).numpy()  # (sets, 1, item and history, 4)
    np.testing.assert_array_equal(found, np.broadcast_to(VECTORS[0], found.shape))
    assert len(found) == (2 if model == "single_task" else 1)


@pytest.mark.slow
@pytest.mark.parametrize("frozen", [False, True])
def test_frozen_table_does_not_move_in_training_and_others_do(tmp_path, frozen):
    options = ["model=single_task", "encoder.l2_embedding=0.01"]
    chosen = config(data_set_with_vectors(tmp_path, frozen, embedding_dim=4), *options)
    start, _, data = networks_with_and_without_vectors(chosen)
    if frozen:  # as `mtl-train` does it, and from what it saves
        run_in(tmp_path / "run", chosen)
        environment = read_json_object(tmp_path / "run" / "environment.json")
        files = [tmp_path / name for name in ("vectors.npy", "ids.txt")]
        assert environment["pretrained"] == {str(f): sha256(f) for f in files}
        network = saved_model.load(tmp_path / "run").network
    else:
        network, _, _ = networks_with_and_without_vectors(chosen)
        train(chosen, network, data.splits["train"], None, Progress())
    layer = "embedding_4_frozen" if frozen else "embedding"
    before, after = (item_vectors(n, data, layer, 2) for n in (start, network))
    if frozen:
        np.testing.assert_array_equal(before, after)
    else:
        assert (before != after).any(axis=2).all()
    users = "embedding_4" if frozen else "embedding"
    moved = [n.logits.get_layer(users).table.numpy()[1:6] for n in (start, network)]
    assert (moved[0] != moved[1]).any(axis=1).all()


@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_ids_of_vectors_are_lines_whatever_wrote_them(tmp_path, mark, end):
    names = ["12", "two\u2028lines", "10", "15", "11"]
    chosen = config(data_set_with_vectors(tmp_path))
    content = mark + end.join(names) + (end if mark else "")
    (tmp_path / "ids.txt").write_bytes(content.encode())
    data = loaded(**chosen.dataset.model_dump())
    start = pretrained.read_all(chosen, data.features)["item"]
    known = data.features.learnt["item"]["vocabulary"]
    assert [known[row - 1] for row in start.ids] == ["12", "10", "15", "11"]
    np.testing.assert_array_equal(start.vectors, VECTORS[[0, 2, 3, 4]])


@pytest.mark.parametrize("auto", ["feature", "encoder"])
def test_embedding_dim_auto_takes_vectors_of_the_length_it_computes(tmp_path, auto):
    options = ["encoder.embedding_dim=auto"] if auto == "encoder" else []
    own = {"embedding_dim": "auto"} if auto == "feature" else {}
    chosen = config(data_set_with_vectors(tmp_path, **own), *options)
    data = loaded(**chosen.dataset.model_dump())
    # 10 items and the id of unknown items: 6 * 11 ** 0.25 is 10.9.
    with pytest.raises(DataError) as caught:
        pretrained.read_all(chosen, data.features)
    assert str(caught.value).endswith(
        "vectors of length 4, but the embedding table has length 10; "
        "set dataset.features.item.embedding_dim=4"
    )
    vectors = np.random.default_rng(5).normal(size=(5, 10)).astype("float32")
    np.save(tmp_path / "vectors.npy", vectors)
    network, _, data = networks_with_and_without_vectors(chosen)
    layer = network.logits.get_layer("embedding_10").table.numpy()
    start = pretrained.read_all(chosen, data.features)["item"]
    np.testing.assert_array_equal(layer[start.ids], vectors[[0, 2, 3, 4]])


def test_vectors_start_a_sequences_own_table():
    feature = Sequence(
        kind="sequence",
        max_length=2,
        pretrained=Pretrained(vectors="v.npy", ids="i.txt", frozen=True),
    )
    feature_set, _ = fit_and_encode({"x": feature}, x=[["a"], ["b"]])
    assert feature_set.layout.tables == {
        "x": EmbeddingTable(3, None, True, trains_unknown=False)
    }


@pytest.mark.parametrize(
    ("intact", "damaged"),
    [
        (b"}", b" "),  # the dictionary in the header does not end
        (b"'<f4'", b"'<04'"),  # no number of Python
        (b", 'fortran", b",b'fortran"),  # keys that cannot be sorted
    ],
)
def test_damaged_header_of_vectors_is_reported(tmp_path, intact, damaged):
    path = tmp_path / "vectors.npy"
    np.save(path, VECTORS)
    path.write_bytes(path.read_bytes().replace(intact, damaged, 1))
    with pytest.raises(DataError, match=r"^pretrained\.vectors: cannot read "):
        pretrained.read_vectors("pretrained.vectors", str(path))


@pytest.mark.parametrize("key", ["vectors", "ids"])
@pytest.mark.parametrize("path", ["nowhere/file", "/proc/self/environ"])
def test_file_that_cannot_be_hashed_is_reported(tmp_path, key, path):
    keys = data_set_with_vectors(tmp_path)
    keys["features"]["item"]["pretrained"][key] = path
    with pytest.raises(DataError, match=rf"pretrained\.{key}: cannot read {path}"):
        pretrained.file_hashes(config(keys))


def test_wrong_vectors_are_refused_before_training(tmp_path):
    chosen = config(data_set_with_vectors(tmp_path))
    (tmp_path / "ids.txt").write_text("x0\nx1\nx2\nx3\nx4\n")
    with pytest.raises(DataError, match=r"no line of .* is one of the "):
        run_in(tmp_path / "run", chosen)
    assert not (tmp_path / "run" / "model").exists()
