"""A saved model of somebody else runs no code and loads whole or not at all."""

import errno
import json
import os
import pickle
import shutil
import struct
import warnings
import zipfile
from pathlib import Path
from types import SimpleNamespace

import h5py
import keras
import numpy as np
import onnx
import pytest
from helpers.crafted_files import CALL, CANARY, TASKS, write
from helpers.planted_data import config, loaded, parquet, values
from helpers.slow import slow_except

from mtl_cli.core.errors import DataError
from mtl_cli.core.other_files import UnsafeFileError
from mtl_cli.core.run_folder import RunFolder
from mtl_cli.exports.onnx import RECORD_KEY
from mtl_cli.network.build import build
from mtl_cli.network.transfer import Block
from mtl_cli.runs import saved_model
from mtl_cli.runs.export import verify
from mtl_cli.runs.weights_file import WEIGHTS, array_sizes
from mtl_cli.training import optimizer_state
from mtl_cli.training.checkpoint import Checkpoint
from mtl_cli.training.state import TrainingState, restore


class Canary:
    """An object that would run code if it were unpickled."""

    def __reduce__(self):
        return (os.mkdir, (CANARY,))


# Keras asks NumPy 2 for an array without a copy in a way that NumPy deprecates.
COPIES = "ignore:__array__ implementation:DeprecationWarning"


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A run folder with a model in it."""
    folder = tmp_path_factory.mktemp("model")
    columns = {"city": ["a", "b"] * 8, "age": [*range(16)], "buy": [0, 1] * 8}
    features = {
        "city": {"kind": "sparse"},
        "age": {"kind": "dense", "transform": "none"},
    }
    train = parquet(folder, columns)
    chosen = config(values(train, features, TASKS))
    data = loaded(train, features, TASKS)
    network = build(chosen, data.features.layout)
    dumped = chosen.model_dump(mode="json")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "__array__", DeprecationWarning)
        run = RunFolder(folder / "run")
        saved_model.save(run, network, dumped, data.features)
        run.release()
    return {
        str(path.relative_to(folder / "run")): path.read_bytes()
        for path in (folder / "run" / "model").iterdir()
    }


def zipped_lambda(_):
    """A `.keras` file whose one layer is a Lambda of marshalled Python code."""
    layer = {"class_name": "Lambda", "config": {"function": "4wEAAAA="}}
    about = {"class_name": "Sequential", "config": {"layers": [layer]}}
    with zipfile.ZipFile("x.keras", "w") as file:
        file.writestr("config.json", json.dumps(about))
        file.writestr("metadata.json", "{}")
    return Path("x.keras").read_bytes()


def hdf5(change):
    """Weights that are changed in place."""

    def changed(content):
        Path("x.h5").write_bytes(content)
        with h5py.File("x.h5", "r+") as file:
            places = []
            file.visititems(
                # Scalars, such as a calibration's, cannot be cut or stored outside.
                lambda name, x: places.append(name) if getattr(x, "shape", ()) else None
            )
            change(file, places[0])
        return Path("x.h5").read_bytes()

    return changed


def link_out(file, place):
    with h5py.File("other.h5", "w") as other:
        other["secret"] = file[place][()]
    del file[place]
    file[place] = h5py.ExternalLink("other.h5", "secret")


def store_out(file, place):
    x = file[place][()]
    x.tofile("other.bin")
    del file[place]
    file.create_dataset(place, x.shape, x.dtype, external="other.bin")


def reshape(file, place):
    x = file[place][()]
    del file[place]
    file[place] = np.concatenate([x, x])


def pickled_cells(file, place):
    del file[place]
    kind = h5py.special_dtype(vlen=np.uint8)
    file.create_dataset(place, (1,), kind)[0] = np.frombuffer(
        pickle.dumps(Canary()), np.uint8
    )


def spec(**changes):
    return lambda content: json.dumps(json.loads(content) | changes).encode()


def larger(content):
    """The configuration of a network that no memory holds."""
    spec = json.loads(content)
    spec["encoder"]["embedding_dim"] = 4096
    spec["model"]["tower_units"] = [65536, 65536, 65536]
    return json.dumps(spec).encode()


def many_layers(content):
    """The configuration of a network that takes hours to make, with few weights."""
    spec = json.loads(content)
    spec["model"]["tower_units"] = [1] * 100_000
    return json.dumps(spec).encode()


def many_tasks(content):
    """The configuration of a network with far more towers than weights are stored."""
    spec = json.loads(content)
    task = spec["dataset"]["tasks"]["buy"]
    spec["dataset"]["tasks"] |= {f"buy_{i}": task for i in range(3000)}
    return json.dumps(spec).encode()


def long_lists(content):
    """The configuration of a feature that takes gigabytes for a single row."""
    spec = json.loads(content)
    spec["dataset"]["features"]["city"] = {"kind": "sequence", "max_length": 10**9}
    return json.dumps(spec).encode()


def not_finite(file, place):
    file[place][...] = np.nan


def nested_groups(file, place):
    group = file
    for _ in range(500):
        group = group.create_group("g")


def remove(file, place):
    del file[place.split("/")[0]]


def expand(file, place):
    """A dataset of 4 GB that takes no bytes in the file."""
    del file[place]
    file.create_dataset(place, (1 << 30,), "f4", chunks=True, compression="gzip")


def leave_out(file, place):
    """A dataset of 4 GB whose bytes were never written."""
    del file[place]
    file.create_dataset(place, (1 << 30,), "f4")


def wide_cells(file, place):
    """An array of as many cells, each of a megabyte, whose bytes were never written."""
    shape = file[place].shape
    del file[place]
    file.create_dataset(place, shape, np.dtype([("x", "f4", (250_000,))]))


def link_inside(file, place):
    file["elsewhere"] = file[place][()]
    del file[place]
    file[place] = h5py.SoftLink("/elsewhere")


def long_name(file, place):
    """A name that a group could hold compressed, as it could hold 100,000 of them."""
    file.create_group("g" * 60_000)


def learnt(**changes):
    """What was learnt, with other values of the feature `city`."""
    return lambda content: json.dumps(
        json.loads(content) | {"features": {"age": {}, "city": changes}}
    ).encode()


SPEC, LEARNT = saved_model.SPEC, saved_model.LEARNT
MODELS = {
    "lambda_in_a_keras_file": (WEIGHTS, zipped_lambda),
    "pickle_for_weights": (WEIGHTS, lambda _: pickle.dumps(Canary())),
    "pickle_in_a_cell": (WEIGHTS, hdf5(pickled_cells)),
    "weights_of_another_shape": (WEIGHTS, hdf5(reshape)),
    "weights_by_an_external_link": (WEIGHTS, hdf5(link_out)),
    "weights_in_an_external_file": (WEIGHTS, hdf5(store_out)),
    "weights_of_no_layer": (WEIGHTS, hdf5(remove)),
    "weights_cut_short": (WEIGHTS, lambda content: content[: len(content) // 2]),
    "weights_that_expand": (WEIGHTS, hdf5(expand)),
    "weights_that_were_never_written": (WEIGHTS, hdf5(leave_out)),
    "weights_of_wide_cells": (WEIGHTS, hdf5(wide_cells)),
    "weights_by_a_link": (WEIGHTS, hdf5(link_inside)),
    "weights_that_are_not_finite": (WEIGHTS, hdf5(not_finite)),
    "weights_in_nested_groups": (WEIGHTS, hdf5(nested_groups)),
    "no_weights": (WEIGHTS, lambda _: None),
    "target_in_the_spec": (SPEC, spec(model=CALL)),
    "another_key_in_the_spec": (SPEC, spec(callbacks=[CALL])),
    "pickle_for_the_spec": (SPEC, lambda _: pickle.dumps(Canary())),
    "spec_of_a_list": (SPEC, lambda _: b"[]"),
    "spec_of_a_huge_network": (SPEC, larger),
    "spec_of_many_layers": (SPEC, many_layers),
    "spec_of_many_tasks": (SPEC, many_tasks),
    "spec_of_long_lists": (SPEC, long_lists),
    "spec_of_a_million_wrong_seeds": (SPEC, spec(ensemble=["a"] * 10**6)),
    "spec_nested_deeply": (SPEC, lambda _: b"[" * 200_000),
    "nothing_learnt": (LEARNT, lambda _: b"{}"),
    "list_for_what_was_learnt": (LEARNT, lambda _: b"[1]"),
    "numbers_for_a_vocabulary": (LEARNT, learnt(vocabulary=[1, 2])),
    "nested_vocabulary": (LEARNT, learnt(vocabulary=[["a"], ["b"]])),
    "object_for_a_vocabulary": (LEARNT, learnt(vocabulary={"a": 1, "b": 2})),
    "value_twice_in_a_vocabulary": (LEARNT, learnt(vocabulary=["a", "a"])),
    "other_things_learnt": (LEARNT, spec(features={"city": {"cuts": 3}})),
}


@pytest.mark.parametrize(
    "change", [wide_cells, link_inside, link_out, store_out, long_name]
)
def test_weights_are_checked_before_they_are_read(change, model, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("weights.h5").write_bytes(hdf5(change)(model[WEIGHTS]))
    with pytest.raises(UnsafeFileError, match=r"holds|link|another file|long names"):
        array_sizes(Path("weights.h5"))


@pytest.mark.filterwarnings(COPIES)
@pytest.mark.parametrize(
    "name",
    slow_except(
        [*{*MODELS} - {"spec_of_a_million_wrong_seeds", "spec_of_many_tasks"}], MODELS
    ),
)
def test_crafted_model_is_refused_in_one_line(name, model, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    changed, change = MODELS[name]
    content = change(model[changed])
    files = model | {changed: content} if content is not None else dict(model)
    del files[saved_model.MODEL_CHECKSUMS]  # a forger writes another checksum
    if content is None:
        del files[changed]
    write(tmp_path / "run", files)
    with pytest.raises(DataError) as caught:
        saved_model.load(tmp_path / "run")
    message = str(caught.value)
    assert message.startswith(str(tmp_path / "run"))
    assert message.isprintable() and len(message) < 900
    assert not Path(CANARY).exists()


def flip_bit(file, place):
    weights = file[place][...]
    weights.view(np.uint32).flat[0] ^= 1  # the last bit of the first weight
    file[place][...] = weights


@pytest.mark.filterwarnings(COPIES)
def test_run_that_is_replaced_while_it_is_read_is_not_mixed_with_the_new_run(
    model, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "run", model)
    load_learnt = saved_model.load_learnt

    def load_learnt_of_the_run_before(run):
        learnt = load_learnt(run)
        spec = run / SPEC
        spec.write_text(spec.read_text().replace('"seed":1', '"seed":2', 1))
        lines = [saved_model.checksum_line(run, file) for file in saved_model.FILES]
        (run / saved_model.MODEL_CHECKSUMS).write_text("\n".join(lines))
        return learnt

    assert b'"seed":1' in model[SPEC]
    monkeypatch.setattr(saved_model, "load_learnt", load_learnt_of_the_run_before)
    with pytest.raises(DataError, match=r"spec.json does not have the checksum"):
        saved_model.load(Path("run"))


@pytest.mark.filterwarnings(COPIES)
def test_model_of_another_run_causes_a_warning(model, tmp_path):
    write(tmp_path / "run", model | {"status.json": b'{"status": "running"}'})
    run = RunFolder(tmp_path / "run")
    run.finish("done")
    run.release()
    saved_model.load(run.path)
    sums = run.path / saved_model.MODEL_CHECKSUMS
    sums.write_text("".join(reversed(sums.read_text().splitlines(keepends=True))))
    with pytest.warns(UserWarning, match="folder model has changed since this run"):
        saved_model.load(run.path)


@pytest.mark.filterwarnings(COPIES)
def test_empty_list_of_checksums_is_damage(model, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "run", model | {saved_model.MODEL_CHECKSUMS: b""})
    with pytest.raises(DataError, match="does not have the checksum"):
        saved_model.load(Path("run"))


@pytest.mark.filterwarnings(COPIES)
def test_flipped_bit_of_a_weight_is_found(model, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "run", model)
    saved_model.load(tmp_path / "run")
    (tmp_path / "run" / WEIGHTS).write_bytes(hdf5(flip_bit)(model[WEIGHTS]))
    with pytest.raises(DataError, match=r"h5 does not have the checksum in model/SHA"):
        saved_model.load(tmp_path / "run")
    for name in (LEARNT, SPEC):
        write(tmp_path / "run", model | {name: model[name] + b"\n"})
        with pytest.raises(DataError, match=rf"{name} does not have the checksum"):
            saved_model.load(tmp_path / "run")


def test_file_that_may_not_be_read_is_named(model, tmp_path, monkeypatch):
    write(tmp_path / "run", model)

    def refuse(path, *_):
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(saved_model, "read_json", refuse)
    with pytest.raises(DataError, match=r"Permission denied: .*spec.json"):
        saved_model.load(tmp_path / "run")


@pytest.mark.parametrize("link", ["model", WEIGHTS, SPEC, LEARNT])
def test_link_in_a_folder_that_is_read_is_refused(link, model, tmp_path):
    write(tmp_path / "run", model)
    write(tmp_path / "elsewhere", model)
    place = tmp_path / "run" / link
    shutil.rmtree(place) if place.is_dir() else place.unlink()
    place.symlink_to(tmp_path / "elsewhere" / link)
    with pytest.raises(DataError, match=f"run/{link} is a link"):
        saved_model.load(tmp_path / "run")


FORGED_ARRAYS = [
    ("weights-0", np.array([np.nan, 1.0])),
    ("weights-0", np.array([1e300, 1.0])),  # float32 holds infinity instead
    ("weights-0", np.array(["a", "b"])),
    ("optimizer-0", np.array("a")),
    ("optimizer-0", np.array(np.nan)),
    ("best-0", np.array([np.inf, 1.0])),
    ("average-0", np.array([np.nan, 1.0])),
    ("average-0", np.array([1.0])),  # would be taken for both weights
    ("taken", np.zeros((1, 3, 3))),  # the losses of more tasks
    ("taken", np.zeros((5, 3, 1))),  # the losses of more steps
]


@pytest.mark.parametrize(("name", "array"), FORGED_ARRAYS)
def test_forged_arrays_of_a_checkpoint_are_refused(name, array, tmp_path):
    weight, step = keras.Variable([1.0, 2.0]), keras.Variable(0, dtype="int64")
    logits = SimpleNamespace(weights=[weight], get_weights=lambda: [weight.numpy()])
    optimizer = SimpleNamespace(variables=[step])
    steps = SimpleNamespace(
        **{"tables": [], "tasks": ["click"], "optimizer": optimizer},
        **{"steps_per_epoch": 4, "copy_tables_to_network": lambda: None},
        balancer=SimpleNamespace(state={}),
    )
    state = TrainingState(SimpleNamespace(logits=logits), steps)
    values = {"epochs": [], "kept": 0, "seconds": 0.0, "best": True}
    path = tmp_path / "0000000-epochs-000000004-steps.npz"
    saved = Checkpoint(path, values | {"environment": {}})
    arrays = {"weights-0": [3.0, 4.0], "optimizer-0": 5, "best-0": [6.0, 7.0]}
    arrays |= {"average-0": [8.0, 9.0], "taken": np.ones((4, 3, 1))}
    np.savez(saved.path, **arrays)
    restore(state, saved)
    assert (weight.numpy().tolist(), int(step)) == ([3.0, 4.0], 5)
    assert [x.tolist() for x in state.best_weights] == [[6.0, 7.0]]
    assert [x.tolist() for x in state.average.arrays] == [[8.0, 9.0]]
    assert state.steps_done == 4
    np.savez(saved.path, **arrays | {name: array})
    with pytest.raises(DataError, match=f"is not a checkpoint of this run .*{name}"):
        restore(state, saved)


@pytest.mark.parametrize("header", ["{'descr': (3,", "  {}\n   b\n c"])
def test_array_whose_header_is_no_python_is_damage(header, tmp_path):
    with zipfile.ZipFile(tmp_path / "x.npz", "w") as archive:
        length = struct.pack("<H", len(header))
        archive.writestr("a.npy", b"\x93NUMPY\1\0" + length + header.encode())
    checkpoint = Checkpoint(tmp_path / "x.npz", {})
    with (
        pytest.raises(DataError, match="is not a checkpoint of this run"),
        checkpoint.open_arrays() as arrays,
    ):
        arrays["a"]


def test_exported_graph_with_a_file_of_somebody_else_is_damaged(tmp_path):
    tensor = onnx.helper.make_tensor("w", onnx.TensorProto.FLOAT, [1], [2.0])
    tensor.ClearField("float_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../secret")
    node = onnx.helper.make_node("Mul", ["x", "w"], ["buy"])
    x, buy = (
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [None])
        for name in ("x", "buy")
    )
    graph = onnx.helper.make_graph([node], "g", [x], [buy], [tensor])
    opset = onnx.helper.make_opsetid("", 18)
    model = onnx.helper.make_model(graph, ir_version=10, opset_imports=[opset])
    record = {"format": "onnx", "inputs": {"x": "number"}, "outputs": ["buy"]}
    record |= {"rows": {"x": [1.0]}, "predictions": {"buy": [2.0]}}
    onnx.helper.set_model_props(model, {RECORD_KEY: json.dumps(record)})
    (tmp_path / "secret").write_bytes(np.float32(2).tobytes())
    (tmp_path / "model").mkdir()
    path = tmp_path / "model" / "model.onnx"
    path.write_bytes(model.SerializeToString())
    with pytest.raises(DataError, match=r"is damaged: Fail: .*escapes"):
        verify(path)


def test_forged_slot_of_an_earlier_optimizer_is_refused():
    block, start = Block(0, (slice(0, 2),)), np.zeros(2)
    pairs = [(block, block.index)]
    kept = optimizer_state.copy_into_slot(
        start, {"0-0": np.array([np.inf, 1])}, 0, pairs, [(2,)]
    )
    assert kept.tolist() == [np.inf, 1]
    for slot, message in (
        (np.array([np.nan, 1]), "'0-0' holds NaN"),
        (np.ones(4), r"'0-0' has the shape \(4,\); expected \(2,\)"),
        (np.ones(1), r"'0-0' has the shape \(1,\); expected \(2,\)"),
    ):
        with pytest.raises(ValueError, match=message):
            optimizer_state.copy_into_slot(start, {"0-0": slot}, 0, pairs, [(2,)])
    # A table of three rows whose slots have one value per row.
    block, start = Block(0, (slice(0, 2), slice(0, 8))), np.zeros((2, 1))
    slots, pairs = {"0-0": np.ones((4, 1))}, [(block, block.index)]
    with pytest.raises(ValueError, match=r"shape \(4, 1\); expected \(3, 1\)"):
        optimizer_state.copy_into_slot(start, slots, 0, pairs, [(3, 8)], 8)


def test_pipe_in_an_export_is_refused_before_a_library_waits_for_it(tmp_path):
    record = {"format": "saved_model", "inputs": {"age": "number"}, "outputs": ["buy"]}
    record |= {"rows": {"age": [1.0]}, "predictions": {"buy": [0.5]}}
    (tmp_path / "export.json").write_text(json.dumps(record))
    os.mkfifo(tmp_path / "saved_model.pb")
    with pytest.raises(DataError, match=r"saved_model.pb is not a regular file"):
        verify(tmp_path)
