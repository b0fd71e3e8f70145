"""A saved model of somebody else runs no code and loads whole or not at all."""

import json
import os
import pickle
import shutil
import warnings
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest
from helpers.crafted_files import CALL, CANARY, TASKS, write
from helpers.planted_data import config, loaded, parquet, values

from mtl_cli.core.errors import DataError
from mtl_cli.core.run_folder import RunFolder
from mtl_cli.network.build import build
from mtl_cli.runs import saved_model


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


def learnt(**changes):
    """What was learnt, with other values of the feature `city`."""
    return lambda content: json.dumps(
        json.loads(content) | {"features": {"age": {}, "city": changes}}
    ).encode()


WEIGHTS, SPEC, LEARNT = saved_model.WEIGHTS, saved_model.SPEC, saved_model.LEARNT
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
    "no_weights": (WEIGHTS, lambda _: None),
    "target_in_the_spec": (SPEC, spec(model=CALL)),
    "another_key_in_the_spec": (SPEC, spec(callbacks=[CALL])),
    "pickle_for_the_spec": (SPEC, lambda _: pickle.dumps(Canary())),
    "spec_of_a_list": (SPEC, lambda _: b"[]"),
    "spec_of_a_huge_network": (SPEC, larger),
    "spec_nested_deeply": (SPEC, lambda _: b"[" * 200_000),
    "nothing_learnt": (LEARNT, lambda _: b"{}"),
    "list_for_what_was_learnt": (LEARNT, lambda _: b"[1]"),
    "numbers_for_a_vocabulary": (LEARNT, learnt(vocabulary=[1, 2])),
    "nested_vocabulary": (LEARNT, learnt(vocabulary=[["a"], ["b"]])),
    "object_for_a_vocabulary": (LEARNT, learnt(vocabulary={"a": 1, "b": 2})),
    "other_things_learnt": (LEARNT, spec(features={"city": {"cuts": 3}})),
}


@pytest.mark.filterwarnings(COPIES)
@pytest.mark.parametrize("name", MODELS)
def test_crafted_model_is_refused_in_one_line(name, model, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    changed, change = MODELS[name]
    content = change(model[changed])
    files = model | {changed: content} if content is not None else dict(model)
    if content is None:
        del files[changed]
    write(tmp_path / "run", files)
    with pytest.raises(DataError) as caught:
        saved_model.load(tmp_path / "run")
    message = str(caught.value)
    assert message.startswith(str(tmp_path / "run"))
    assert message.isprintable() and len(message) < 900
    assert not Path(CANARY).exists()


@pytest.mark.parametrize("link", ["model", WEIGHTS, SPEC, LEARNT])
def test_link_in_a_folder_that_is_read_is_refused(link, model, tmp_path):
    write(tmp_path / "run", model)
    write(tmp_path / "elsewhere", model)
    place = tmp_path / "run" / link
    shutil.rmtree(place) if place.is_dir() else place.unlink()
    place.symlink_to(tmp_path / "elsewhere" / link)
    with pytest.raises(DataError, match=f"run/{link} is a link"):
        saved_model.load(tmp_path / "run")
