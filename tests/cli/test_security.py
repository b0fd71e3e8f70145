"""Nothing from a run folder, a configuration or a data file executes code or leaks.

Each attack would make a canary: a folder that must not exist afterwards. Vectors that
are pickles are in `test_bad_data.py`.
"""

import functools
import json
import os
import pickle
import warnings
import zipfile
from html import escape
from pathlib import Path
from types import SimpleNamespace

import h5py
import numpy as np
import pytest
import yaml
from helpers.commands import mtl_train, refused
from helpers.planted_data import config, loaded, parquet, run_in, values
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from mtl_cli.config.run_config import Config
from mtl_cli.core.errors import DataError
from mtl_cli.core.options import option_names
from mtl_cli.core.paths import conf_folder
from mtl_cli.core.run_folder import RunFolder
from mtl_cli.heads.base import Output
from mtl_cli.network.build import build
from mtl_cli.pages.render import render
from mtl_cli.runs import saved_model
from mtl_cli.runs.provenance import config_hash
from mtl_cli.runs.score_table import score_tables
from mtl_cli.tasks.binary import Binary

CANARY = "canary"
CALL = {"_target_": "os.mkdir", "path": CANARY}
TASKS = {"buy": {"label": "buy", "kind": "binary"}}
TARGET = {"_target_": "os.mkdir"}
RERUN = ["--config-path", "{folder}/run", "--config-name", "config"]


class Canary:
    """An object that would run code if it were unpickled."""

    def __reduce__(self):
        return (os.mkdir, (CANARY,))


@functools.cache
def composed():
    """The values that `mtl-train` starts from."""
    with initialize_config_dir(str(conf_folder()), version_base="1.3"):
        return OmegaConf.to_yaml(compose("config", ["check_only=true"]), resolve=True)


def saved_run(**changes):
    """Files of a crafted run folder: a saved configuration with some parts changed."""
    logging = [
        {f"override hydra/{g}": "none"} for g in ("job_logging", "hydra_logging")
    ]
    found = {"defaults": [*logging, "_self_"], **yaml.safe_load(composed())}
    found["hydra"] = {"output_subdir": None, "run": {"dir": "outputs/x"}}
    for key, change in changes.items():
        found[key] = found.get(key, {}) | change if isinstance(change, dict) else change
    return {"run/config.yaml": yaml.safe_dump(found, sort_keys=False)}


def dataset(text):
    """Files of a data set in the user's own `./conf`."""
    return {"conf/dataset/mine.yaml": text}


MINE = ["dataset=mine", "check_only=true"]
# Each: files of the folder that the command starts in, arguments, what is said.
ATTACKS = {
    "target_in_the_model": (
        saved_run(model=CALL),
        RERUN,
        "unknown key 'model._target_'",
    ),
    "target_at_the_root": (saved_run(attack=CALL), RERUN, "unknown key 'attack'"),
    "callback_of_hydra": (
        saved_run(hydra={"callbacks": {"attack": CALL}}),
        RERUN,
        "hydra.callbacks: a configuration may not name code",
    ),
    "factory_in_hydras_logging": (
        saved_run(hydra={"job_logging": {"handlers": {"x": {"()": "os.mkdir"}}}}),
        RERUN,
        "hydra.job_logging: a configuration may not name code",
    ),
    "file_of_hydras_logging": (
        saved_run(
            hydra={
                "hydra_logging": {
                    "handlers": {
                        "x": {"class": "logging.FileHandler", "filename": CANARY}
                    },
                    "root": {"handlers": ["x"]},
                }
            }
        ),
        RERUN,
        "hydra.hydra_logging: a configuration may not name code",
    ),
    "variable_for_the_environment": (
        saved_run(hydra={"job": {"env_set": {"LD_PRELOAD": "./evil.so"}}}),
        RERUN,
        "hydra.job.env_set: a configuration may not name code",
    ),
    "sweeper_of_hydra": (
        saved_run(hydra={"sweeper": TARGET}),
        [*RERUN, "-m", "seed=1,2"],
        "hydra.sweeper: a configuration may not name code",
    ),
    "launcher_of_hydra": (
        saved_run(hydra={"launcher": TARGET}),
        [*RERUN, "-m", "seed=1,2"],
        "hydra.launcher: a configuration may not name code",
    ),
    "part_of_hydras_sweeper": (
        saved_run(hydra={"mode": "MULTIRUN", "sweeper": {"params": {"seed": CALL}}}),
        RERUN,
        "hydra.sweeper: a configuration may not name code",
    ),
    "pickled_job": (
        {"job.pickle": pickle.dumps(Canary())},
        ["--experimental-rerun", "job.pickle"],
        "reads a pickle, which can execute code",
    ),
    "python_tag": (
        dataset(f"name: !!python/object/apply:os.mkdir [{CANARY}]\n"),
        MINE,
        "could not determine a constructor for the tag",
    ),
    "target_in_a_data_set": (
        dataset(
            yaml.safe_dump(values("x.csv", {"a": {"kind": "sparse"}}, TASKS) | CALL)
        ),
        MINE,
        "'dataset._target_'",
    ),
    "target_in_a_feature": (
        dataset(
            yaml.safe_dump(values("x.csv", {"a": {"kind": "sparse"} | CALL}, TASKS))
        ),
        MINE,
        "unknown key 'dataset.features.a._target_'",
    ),
    "resolver_that_nobody_has": (
        dataset('name: ${eval:\'__import__("os").mkdir("canary")\'}\n'),
        MINE,
        "Unsupported interpolation type eval",
    ),
    "resolvers_beside_the_configs": (
        dataset("name: ${evil:x}\n")
        | {
            f"{folder}/{name}.py": "import os; os.mkdir('canary')\n"
            for folder in ("conf", "conf/dataset")
            for name in ("__init__", "evil", "sitecustomize")
        },
        MINE,
        "Unsupported interpolation type evil",
    ),
    "generator_of_another_module": (
        {"evil.py": "import os; os.mkdir('canary')\n"},
        ["+dataset.generator=evil", "check_only=true"],
        "generator: 'evil' is not one of: funnel, synthetic",
    ),
    **{
        f"model_named_{name}": (
            {"evil.py": "import os; os.mkdir('canary')\n"},
            [f"model.name={name}"],
            f"model.name: '{name}' is not one of: cgc, esmm",
        )
        for name in (
            *("../../evil", "evil", "base", "__init__", "__main__"),
            *("ple.os", "..encoders.dcn", ".ple", "/etc/passwd"),
        )
    },
    "data_set_named_out": (
        {},
        ["dataset.name=../../../canary/x"],
        "dataset.name: '../../../canary/x' leads out of the folder",
    ),
    "option_named_out": (
        {"conf/model/x.yaml": "name: ple\n", "mine.yaml": "name: ple\n"},
        ["model=../../mine"],
        "model: '../../mine' leads out of the folder",
    ),
    "run_folder_elsewhere": (
        saved_run(hydra={"run": {"dir": "/tmp/mtl-cli-canary"}}),
        RERUN,
        "hydra.run.dir: '/tmp/mtl-cli-canary' leads out of the folder",
    ),
    "run_folder_above": (
        saved_run(hydra={"run": {"dir": "outputs/../../canary"}}),
        RERUN,
        "hydra.run.dir: 'outputs/../../canary' leads out",
    ),
    "run_folder_by_a_variable": (
        saved_run(hydra={"run": {"dir": "${oc.env:HOME}/canary"}}),
        RERUN,
        "hydra.run.dir: '${oc.env:HOME}/canary' leads out",
    ),
    "sweep_folder_above": (
        saved_run(hydra={"sweep": {"dir": "x", "subdir": "../../canary"}}),
        [*RERUN, "-m", "seed=1,2"],
        "hydra.sweep.subdir: '../../canary' leads out",
    ),
}


def write(folder, files):
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        content = content if isinstance(content, bytes) else content.encode()
        path.write_bytes(content)


@pytest.mark.parametrize("name", ATTACKS)
def test_attack_is_refused_in_one_line_and_leaves_nothing(name, tmp_path):
    files, arguments, expected = ATTACKS[name]
    # Deep enough that a few steps up still end in the test's own folder.
    folder = tmp_path / "a" / "b" / "c"
    folder.mkdir(parents=True)
    write(folder, files)
    command = [a.format(folder=folder) for a in arguments]
    code, out, err, _ = refused(folder, *command)
    assert code == 2, (out, err)
    assert expected in err
    assert err.startswith("mtl-train: error: ") and err.count("\n") == 1
    found = {str(p.relative_to(folder)) for p in tmp_path.rglob("*") if p.is_file()}
    assert found == set(files)
    assert not list(tmp_path.rglob(CANARY))
    assert not Path("/tmp/mtl-cli-canary").exists()


def test_saved_configuration_that_nobody_has_crafted_is_read(tmp_path):
    # Or else the attacks on it would be refused for something else.
    write(tmp_path, saved_run(seed=3))
    completed = mtl_train(tmp_path, *(a.format(folder=tmp_path) for a in RERUN))
    assert completed.returncode == 0, completed.stderr
    assert "check_only: nothing was trained" in completed.stdout


def test_only_modules_of_our_own_packages_have_names():
    for package in ("models", "encoders", "generators"):
        for name in option_names(package):
            assert name.isidentifier()
            assert not name.startswith("_")


# Saved models.


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
                lambda name, x: places.append(name) if hasattr(x, "shape") else None
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


def remove(file, place):
    del file[place.split("/")[0]]


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
    "no_weights": (WEIGHTS, lambda _: None),
    "target_in_the_spec": (SPEC, spec(model=CALL)),
    "another_key_in_the_spec": (SPEC, spec(callbacks=[CALL])),
    "pickle_for_the_spec": (SPEC, lambda _: pickle.dumps(Canary())),
    "spec_of_a_list": (SPEC, lambda _: b"[]"),
    "nothing_learnt": (LEARNT, lambda _: b"{}"),
    "list_for_what_was_learnt": (LEARNT, lambda _: b"[1]"),
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


# Names from data in the files that a run writes

HTML = "<script>alert(1)</script>"
ESCAPE = "\x1b]0;title\x07[/bold]"


def test_names_of_columns_are_text_in_page_and_console(tmp_path, capsys):
    cells = ["=cmd|' /C calc'!A0", "@SUM(1)", "+1", "-1"] * 30
    columns = {HTML: cells, ESCAPE: [*range(120)], "buy": [0, 1] * 60}
    columns["[/x]"] = [1] * 120
    features = {
        HTML: {"kind": "sparse"},
        ESCAPE: {"kind": "dense", "transform": "none"},
    }
    tasks = {"buy": TASKS["buy"] | {"space": "[/x]"}}
    train = parquet(tmp_path, columns)
    run_in(tmp_path / "run", config(values(train, features, tasks)))
    run_in(
        tmp_path / "checked", config(values(train, features, tasks), "check_only=true")
    )
    page = (tmp_path / "run" / "report.html").read_text()
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    said = capsys.readouterr().out
    assert "buy ([/x] = 1)" in said
    for text in (said, (tmp_path / "checked" / "train.log").read_text()):
        assert HTML in text
        assert "[/bold]" in text
        assert "\x1b" not in text
    history = (tmp_path / "run" / "history.csv").read_text()
    assert not any(
        cell.startswith(("=", "@", "+", "-"))
        for cell in history.replace("\n", ",").split(",")
    )


def test_score_table_escapes_the_name_of_a_space():
    output = Output("buy", "buy", Binary(label="buy"), space=HTML)
    scores = {"buy": {"auc": 0.5, "rows": 3, "positives": 1}}
    page = render(
        "run.html",
        title="run",
        scores={"test": score_tables([output], scores)},
        plots={},
        settings="",
    )
    assert HTML not in page
    assert escape(HTML) in page


# Secrets of the environment.

SECRET = 'hunter2/é"\\hunter2'


def spellings():
    whole = [SECRET, repr(SECRET)[1:-1], json.dumps(SECRET)[1:-1]]
    return [*(text.encode() for text in whole), b"hunter2"]


@pytest.fixture(scope="module")
def secretive(tmp_path_factory):
    """A run whose data lie where a secret of the environment says."""
    folder = tmp_path_factory.mktemp("secret")
    (folder / "hunter2").mkdir()
    place = folder / SECRET
    place.mkdir(parents=True)
    columns = {"city": ["a", "b"] * 32, "buy": [0, 0, 1, 1] * 16}
    parquet(place, columns)
    features = {"city": {"kind": "sparse"}}
    train = "${oc.env:DB_PASSWORD}/${oc.env:DATA_FILE}"
    write(folder, dataset(yaml.safe_dump(values(train, features, TASKS))))
    known = {"DB_PASSWORD": SECRET, "DATA_FILE": "train.parquet"}
    quick = ["trainer.patience=null", "trainer.epochs=1", "trainer.compile=false"]
    completed = mtl_train(folder, "dataset=mine", *quick, "hydra.run.dir=run", **known)
    return SimpleNamespace(folder=folder, completed=completed, known=known)


def test_secret_of_the_environment_is_in_no_file_of_a_run(secretive):
    completed, run = secretive.completed, secretive.folder / "run"
    assert completed.returncode == 0, completed.stderr
    files = [path for path in run.rglob("*") if path.is_file()]
    assert len(files) > 10
    for secret in spellings():
        assert not [f.name for f in files if secret in f.read_bytes()]
        assert secret not in (completed.stdout + completed.stderr).encode()
    for name in ("config.yaml", "model/spec.json", "report.html"):
        assert "${oc.env:DB_PASSWORD}/train.parquet" in (run / name).read_text()


def test_hash_of_the_configuration_does_not_depend_on_the_secret(secretive):
    run = secretive.folder / "run"
    values = json.loads((run / "model/spec.json").read_text())
    written = json.loads((run / "environment.json").read_text())["config_hash"]
    # The saved configuration holds the reference, and nothing knows the secret here.
    assert written == config_hash(Config.model_validate(values))


def test_configuration_without_its_secret_runs_again_with_it(secretive):
    rerun = ["--config-path", f"{secretive.folder}/run", "--config-name", "config"]
    completed = mtl_train(
        secretive.folder, *rerun, "check_only=true", **secretive.known
    )
    assert completed.returncode == 0, completed.stderr
    assert "64 train rows" in completed.stdout


def test_secret_is_in_no_word_of_a_failed_run(secretive):
    wrong = secretive.known | {"DATA_FILE": "x" * 80}
    settings = ["dataset=mine", "trainer.patience=null", "hydra.run.dir=bad"]
    completed = mtl_train(secretive.folder, *settings, **wrong)
    assert completed.returncode == 2
    assert "no file '${oc.env:DB_PASSWORD}/xxx" in completed.stderr
    for secret in spellings():
        assert secret not in completed.stderr.encode()
        for path in (secretive.folder / "bad").iterdir():
            assert secret not in path.read_bytes(), path.name
