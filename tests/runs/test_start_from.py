"""A run starts from an earlier run: what it takes, what it says, what it refuses."""

import itertools
import json
import re
import shutil
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from helpers.composition import composed
from helpers.interrupted_runs import read_tensors
from helpers.networks import MODELS, SCENARIO_MODELS
from helpers.planted_data import config, parquet, planted, run_in, values
from omegaconf import OmegaConf

from mtl_cli.config.check import check
from mtl_cli.config.run_config import Config
from mtl_cli.config.start_from import PARTS, StartFrom
from mtl_cli.core.errors import ConfigError, DataError, MtlError
from mtl_cli.core.written_files import sha256
from mtl_cli.data.feature_set import FeatureSet
from mtl_cli.data.feature_set_fitter import extend_learnt, other_spelling_findings
from mtl_cli.data.load import cache_key, load
from mtl_cli.network.build import build
from mtl_cli.network.parts import freeze, part_of_layers
from mtl_cli.network.transfer import BlockName
from mtl_cli.runs import earlier_run, saved_model
from mtl_cli.runs.earlier_run import read_earlier_run
from mtl_cli.runs.earlier_weights import (
    goes_on,
    parts_to_start_fresh,
    scenarios_to_start_fresh,
)
from mtl_cli.training.checkpoint import write_arrays
from mtl_cli.training.progress import Progress
from mtl_cli.training.train import train

FEATURES: dict[str, Any] = {
    "user": {"kind": "sparse"},
    "item": {"kind": "sparse"},
    "seen": {"kind": "sequence", "max_length": 3, "separator": "|", "table": "item"},
    "pair": {"kind": "cross", "columns": ["user", "item"]},
    "hour": {"kind": "hashed", "num_buckets": 5},
    "age": {"kind": "bucketized", "num_buckets": 4},
    "price": {"kind": "dense", "transform": "standard"},
}
TASKS: dict[str, Any] = {
    "click": {"label": "click", "kind": "binary"},
    "amount": {"label": "amount", "kind": "regression", "transform": "standard"},
}
NUMBERS = itertools.count()
STILL = "optimizer.learning_rate=1e-30"


def rows(day: int) -> pa.Table:
    """Rows of a day; those of day 2 have a new user, new items and other scales."""
    frame = planted(200, seed=day).to_pandas()
    if day == 2:
        frame["user"] = frame["user"].replace({0: 70, 3: -5})
        frame["item"] = frame["item"].replace({"item1": "an item"})
        frame["price"] = frame["price"] * 3 + 5
        frame["age"] += 7
    frame["seen"] = frame["item"] + "|" + frame["item"].shift(1, fill_value="item2")
    return pa.Table.from_pandas(frame, preserve_index=False)


def chosen(train: Path, *settings: str, **changes: Any) -> Any:
    """The configuration of a small run on a file."""
    features = FEATURES | changes.pop("features", {})
    tasks = changes.pop("tasks", TASKS)
    data = values(train, {k: v for k, v in features.items() if v}, tasks, **changes)
    return config(data, "trainer.batch_size=50", *settings)


@pytest.fixture(scope="module")
def days(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The files of two days, and a run on the first day."""
    folder = tmp_path_factory.mktemp("days")
    files = {f"day{i}": parquet(folder, rows(i), f"day{i}.parquet") for i in (1, 2)}
    run = folder / "first"
    run_in(run, chosen(files["day1"], test=str(files["day2"])), eager=True)
    (run / "status.json").write_text('{"status": "done"}')
    return files | {"run": run}


def started(days: dict[str, Path], folder: Path, *settings: str, **changes: Any) -> Any:
    """Runs day 2, or the day `train`, after the run of day 1; returns its model."""
    train = days[changes.pop("train", "day2")]
    setting = f"start_from.run={days['run']}"
    run_in(folder, chosen(train, setting, *settings, **changes), eager=True)
    return saved_model.load(folder)


def vectors(model: Any, table: str) -> dict[str, Any]:
    """The vector of each value of a vocabulary; the first is that of unseen values."""
    network, features = model.network, model.features
    first_row = 0
    for name, size in ((n, t.size) for n, t in features.layout.tables.items()):
        if name == table:
            weight = network.logits.get_layer("embedding").table.numpy()
            known = features.learnt[name].get("vocabulary", range(1, size))
            names = ["", *map(str, known)]
            block = weight[first_row : first_row + size]
            return dict(zip(names, block, strict=True))
        first_row += size
    raise KeyError(table)


def test_same_rows_without_learning_predict_as_the_earlier_run_bit_by_bit(
    days: dict[str, Path], tmp_path: Path
) -> None:
    started(days, tmp_path, STILL, train="day1", test=str(days["day2"]))
    frames = [
        pd.read_parquet(f / "predictions.parquet") for f in (days["run"], tmp_path)
    ]
    pd.testing.assert_frame_equal(*frames, check_exact=True)
    kept, learnt = (
        json.loads((folder / "model" / "learnt.json").read_text())
        for folder in (days["run"], tmp_path)
    )
    counts = kept["features"]["pair"]["counts"]
    assert learnt["features"]["pair"].pop("counts") == [2 * n for n in counts]
    kept["features"]["pair"].pop("counts")
    assert learnt == kept


@pytest.mark.slow
def test_new_values_follow_and_old_values_keep_their_vectors(
    days: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old = saved_model.load(days["run"])
    new = started(days, tmp_path, STILL)
    assert new.features.learnt["user"]["vocabulary"] == [
        *map(str, range(9)),
        "-5",
        "70",
    ]
    items = [f"item{i}" for i in range(5)]
    assert new.features.learnt["item"]["vocabulary"] == [*items, "an item"]
    for table in ("user", "item", "pair", "hour", "age"):
        before, after = vectors(old, table), vectors(new, table)
        assert list(after)[: len(before)] == list(before)
        for value, vector in before.items():
            np.testing.assert_array_equal(after[value], vector, (table, value))
    # What day 1 has learnt of numbers stays, though those of day 2 differ.
    for name in ("price", "age", "hour"):
        assert new.features.learnt[name] == old.features.learnt[name]
    assert new.network.label_statistics == old.network.label_statistics
    said = capsys.readouterr().out
    assert (
        "starting from first: 7 of 7 features go on, new values: 2 of user, 1 of "
        in said
    )
    assert "start_from:" not in said


@pytest.mark.slow
@pytest.mark.parametrize("frozen", [True, False])
def test_frozen_vectors_follow_their_file_and_trained_ones_go_on(
    frozen: bool,
    days: dict[str, Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Day 2 has another file of vectors, and an item that day 1 lacks."""
    paths = {"vectors": str(tmp_path / "v.npy"), "ids": str(tmp_path / "v.txt")}
    item = FEATURES["item"] | {"pretrained": paths | {"frozen": frozen}}
    features = dict.fromkeys(FEATURES) | {"item": item, "price": FEATURES["price"]}
    settings = [STILL, "encoder.embedding_dim=4"]

    def write_vectors(number: int, *values: str) -> None:
        np.save(paths["vectors"], np.full((len(values), 4), number, "float32"))
        Path(paths["ids"]).write_text("\n".join(values))

    write_vectors(1, "item2", "item3")
    first = tmp_path / "first"
    run_in(first, chosen(days["day1"], *settings, features=features), eager=True)
    (first / "status.json").write_text('{"status": "done"}')
    write_vectors(2, "item2", "an item")
    capsys.readouterr()
    day2 = days | {"run": first}
    new = started(day2, tmp_path / "new", *settings, features=features)
    after, said = vectors(new, "item"), capsys.readouterr().out
    assert (after["an item"] == 2).all()
    assert (after["item2"] == (2 if frozen else 1)).all()
    assert (after["item3"] == (0 if frozen else 1)).all()
    assert bool(after["item0"].any()) != frozen
    line = "2 of 6 values of item have pretrained vectors\n"
    if not frozen:
        line = "1 of 1 new values of item have pretrained vectors\n"
    assert line in said


@pytest.mark.slow
def test_dimension_chosen_by_auto_stays_until_another_is_asked_for(
    days: dict[str, Path], tmp_path: Path
) -> None:
    first = tmp_path / "first"
    run_in(first, chosen(days["day1"], "encoder.embedding_dim=auto"), eager=True)
    (first / "status.json").write_text('{"status": "done"}')
    days = days | {"run": first}
    dims = {}
    for setting in ("auto", 24):
        folder = tmp_path / str(setting)
        model = started(days, folder, f"encoder.embedding_dim={setting}")
        tables = model.features.layout.tables
        dims[setting] = {name: tables[name].vector_length(setting) for name in tables}
    earlier = saved_model.load(first).features.layout.tables
    assert dims["auto"] == {n: t.vector_length("auto") for n, t in earlier.items()}
    assert set(dims[24].values()) == {24}


@pytest.mark.slow
def test_refit_lets_a_feature_learn_anew(days: dict[str, Path], tmp_path: Path) -> None:
    old = saved_model.load(days["run"])
    refit = started(
        days, tmp_path, STILL, "start_from.refit=[price,user,age]"
    ).features.learnt
    alone = days["run"].parent / "alone"
    run_in(alone, chosen(days["day2"]), eager=True)
    fresh = saved_model.load(alone).features.learnt
    for name in ("price", "user", "age"):
        assert refit[name] == fresh[name] != old.features.learnt[name]
    assert refit["item"]["vocabulary"] != fresh["item"]["vocabulary"]


@pytest.mark.slow
def test_features_of_another_kind_start_fresh_and_are_named(
    days: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    new_kinds = {
        "hour": {"kind": "sparse"},
        "price": {"kind": "dense", "transform": "minmax"},
        "buy": {"kind": "sparse"},
        "pair": None,
    }
    started(days, tmp_path, features=new_kinds)
    lines = capsys.readouterr().out.splitlines()
    said = [x.removeprefix("start_from: ") for x in lines if x.startswith("start_from")]
    assert said[:4] == [
        "feature hour starts fresh: its kind was 'hashed', is 'sparse'",
        "feature price starts fresh: its transform was 'standard', is 'minmax'",
        "feature buy is new, so it starts fresh",
        "feature pair is not in this run, so it is left out",
    ]


@pytest.mark.slow
def test_layers_that_depend_on_the_order_of_features_are_named_once(
    days: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = tmp_path / "first"
    run_in(first, chosen(days["day1"], "encoder=dcn"), eager=True)
    (first / "status.json").write_text('{"status": "done"}')
    capsys.readouterr()
    days = days | {"run": first}
    started(days, tmp_path / "new", "encoder=dcn", features={"age": None})
    said = capsys.readouterr().out.splitlines()
    feature, *lines = [line for line in said if line.startswith("start_from:")]
    assert feature == "start_from: feature age is not in this run, so it is left out"
    reason = "of another shape, or reads other features, so it starts fresh"
    assert f"start_from: encoder: CrossNet 1: {reason}" in lines
    assert all(line.endswith(reason) for line in lines)


def test_two_earlier_runs_do_not_share_encoded_rows() -> None:
    dataset = chosen(Path("t.parquet")).dataset
    keys = {
        cache_key(dataset, [], "hash", earlier)
        for earlier in (
            None,
            {"user": {"vocabulary": ["a", "b"]}},
            {"user": {"vocabulary": ["b", "a"]}},
        )
    }
    assert len(keys) == 3


@pytest.mark.slow
def test_reset_parts_start_as_in_a_run_without_an_earlier_one(
    days: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    started(days, tmp_path / "a", STILL, "start_from.reset=[experts]", train="day1")
    assert "start_from: fresh experts, as start_from.reset says" in (
        capsys.readouterr().out
    )
    run_in(tmp_path / "b", chosen(days["day1"], STILL), eager=True)
    weights = [
        read_tensors(folder / "model" / "model.weights.h5")
        for folder in (tmp_path / "a", tmp_path / "b", days["run"])
    ]
    assert len(weights[0]) > 4
    for name, x in weights[0].items():
        is_bottom = "parallel_mlp" in name
        fresh, old = weights[1][name], weights[2][name]
        # Biases of a fresh network are 0 in all, so a kernel shows the difference.
        expected = fresh if is_bottom else old
        np.testing.assert_allclose(x, expected, rtol=0, atol=1e-25, err_msg=name)
        if is_bottom and "vars/0" in name:
            assert (fresh != old).any()


@pytest.mark.slow
def test_frozen_part_stays_as_it_was_bit_by_bit(
    days: dict[str, Path], tmp_path: Path
) -> None:
    freeze = "start_from.freeze=[embeddings,towers]"
    started(days, tmp_path, freeze, "model.l2=0.1", train="day1")
    old, new = (
        read_tensors(folder / "model" / "model.weights.h5")
        for folder in (days["run"], tmp_path)
    )
    for name, x in new.items():
        assert (x == old[name]).all() == ("parallel_mlp" not in name), name


@pytest.mark.slow
def test_lineage_is_in_environment_json_and_in_the_report(
    days: dict[str, Path], tmp_path: Path
) -> None:
    started(days, tmp_path)
    old, new = (
        json.loads((folder / "environment.json").read_text())
        for folder in (days["run"], tmp_path)
    )
    assert "start_from" not in old
    assert new["start_from"] == {
        "run": "first",
        "config_hash": old["config_hash"],
        "data_hash": old["data_hash"],
        "model_hash": sha256(days["run"] / "model" / "SHA256SUMS"),
        "train_hashes": {old["train_hash"]: "first"},
    }
    page = (tmp_path / "report.html").read_text()
    assert f"Started from first (hash of its data {old['data_hash'][:12]}" in page
    assert "Started from" not in (days["run"] / "report.html").read_text()


SLOTS = {
    "adam": "optimizer=adam",
    "adam by rows": "optimizer=adam optimizer.lazy=true",
    "adamw": "optimizer=adamw optimizer.weight_decay=0.1",
    "adagrad": "optimizer=adagrad",
    "adagrad by rows": "optimizer=adagrad optimizer.lazy=true",
    "rowwise_adagrad": "optimizer=rowwise_adagrad",
    "momentum": "optimizer=sgd optimizer.momentum=0.9",
    "momentum by rows": "optimizer=sgd optimizer.momentum=0.9 optimizer.lazy=true",
}


@pytest.mark.slow
@pytest.mark.parametrize(
    "optimizer",
    [
        pytest.param(name, marks=[] if name == "adam" else pytest.mark.slow)
        for name in SLOTS
    ],
)
def test_two_runs_of_two_steps_end_as_one_run_of_four(
    optimizer: str, days: dict[str, Path], tmp_path: Path
) -> None:
    """A step on all rows does not depend on their order, without dropped ids."""
    pair = FEATURES["pair"] | {"id_dropout": 0}
    day1 = partial(chosen, days["day1"], features={"pair": pair})
    settings = ["trainer.batch_size=200", "trainer.ema_decay=0"]
    # A penalty would pull the vectors of the second run to those that it starts with.
    settings += ["encoder.l2_embedding=0", *SLOTS[optimizer].split()]
    four, two, more, fresh = (
        tmp_path / name for name in ("four", "two", "more", "fresh")
    )
    run_in(four, day1(*settings, "trainer.epochs=4"), eager=True)
    run_in(two, day1(*settings, "trainer.epochs=2"), eager=True)
    (two / "status.json").write_text('{"status": "done"}')
    settings += ["trainer.epochs=2", f"start_from.run={two}"]
    run_in(more, day1(*settings), eager=True)
    (two / "model" / "optimizer.npz").unlink()
    run_in(fresh, day1(*settings), eager=True)
    whole, parts, without = (
        read_tensors(folder / "model" / "model.weights.h5")
        for folder in (four, more, fresh)
    )
    for name, x in whole.items():
        np.testing.assert_allclose(parts[name], x, rtol=1e-4, atol=1e-6, err_msg=name)
    differences = [np.abs(without[name] - x).max() for name, x in whole.items()]
    assert max(differences) > 1e-3


def copied(days: dict[str, Path], folder: Path) -> Path:
    """A copy of the run of day 1, to damage."""
    return Path(shutil.copytree(days["run"], folder / "copy"))


def refused(train: Path, run: Path, *settings: str, **changes: Any) -> str:
    """The line that refuses a run."""
    folder = train.parent / f"refused{next(NUMBERS)}"
    with pytest.raises(MtlError) as error:
        run_in(folder, chosen(train, f"start_from.run={run}", *settings, **changes))
    assert error.value.exit_code == 2
    line = str(error.value)
    assert "\n" not in line
    return line


def test_folders_without_a_finished_run_are_refused(
    days: dict[str, Path], tmp_path: Path
) -> None:
    run = copied(days, tmp_path)

    def line(path: Path) -> str:
        return refused(days["day2"], path)

    assert line(tmp_path / "copi") == (
        f"start_from.run: there is no folder {tmp_path / 'copi'}; name a finished run"
    )
    assert line(tmp_path) == (
        f"start_from.run: {tmp_path} is not the folder of a finished run; name one "
        f"of its runs: {run.name}"
    )
    (tmp_path / "empty").mkdir()
    assert line(tmp_path / "empty").endswith("a finished run; name a finished run")
    (run / "status.json").write_text('{"status": "interrupted"}')
    assert "is not the folder of a finished run (status: interrupted)" in line(run)
    (run / "status.json").write_text("[")
    assert line(run).startswith("start_from.run: ")
    assert line(Path("/proc/self")).startswith("start_from.run: ")
    (tmp_path / "loop").symlink_to("loop")
    for name in ("loop", "x" * 300):
        assert line(tmp_path / name).startswith("start_from.run: ")
    earlier = chosen(days["day2"]).model_copy(
        update={"start_from": StartFrom(run="nul\0")}
    )
    with pytest.raises(ConfigError, match="there is no folder nul"):
        read_earlier_run(earlier, tmp_path, is_resumed=False)


@pytest.mark.slow
def test_damaged_models_are_refused(days: dict[str, Path], tmp_path: Path) -> None:
    def damaged(name: str, content: bytes | None) -> str:
        run = copied(days, tmp_path)
        if content is None:
            (run / name).unlink()
        else:
            (run / name).write_bytes(content)
        line = refused(days["day2"], run)
        shutil.rmtree(run)
        return line

    weights = (days["run"] / "model" / "model.weights.h5").read_bytes()
    assert "holds no complete model" in damaged("model/model.weights.h5", weights[:-99])
    assert "holds no complete model" in damaged("model/model.weights.h5", None)
    assert "holds no complete model" in damaged("model/learnt.json", b"{}")
    assert "environment.json" in damaged("environment.json", None)
    line = damaged("environment.json", b'{"data_hash": 1e400}')
    assert "environment.json: data_hash is not a text" in line
    state = (days["run"] / "model" / "optimizer.npz").read_bytes()
    assert "optimizer.npz is damaged" in damaged("model/optimizer.npz", state[:-99])
    other = days["run"].parent / "other.npz"
    write_arrays(other, [("0-0", np.zeros(3))], {"step": 1})
    line = damaged("model/optimizer.npz", other.read_bytes())
    assert "optimizer.npz does not fit" in line
    write_arrays(other, [("0-0", np.zeros(3))], {"step": 10**30})
    line = damaged("model/optimizer.npz", other.read_bytes())
    assert "optimizer.npz is damaged" in line


def test_other_data_with_no_feature_in_common_is_refused(
    days: dict[str, Path], tmp_path: Path
) -> None:
    features = dict.fromkeys(FEATURES) | {"buy": {"kind": "sparse"}}
    line = refused(days["day2"], days["run"], features=features)
    assert line.startswith(
        f"start_from.run: no feature of {days['run']} goes on in dataset planted: buy "
        "is new, so it starts fresh; user is not in this run"
    )


def test_run_without_factors_of_the_earlier_run_is_refused(
    days: dict[str, Path],
) -> None:
    line = refused(days["day2"], days["run"], "model.feature_factors=false")
    assert line == (
        f"model.feature_factors=false: {days['run']} was trained with factors of the "
        "features, and its kernels need them; set it to true"
    )


def test_frozen_tower_of_a_new_task_is_refused(days: dict[str, Path]) -> None:
    line = refused(
        days["day1"],
        days["run"],
        "start_from.freeze=[towers]",
        tasks=TASKS | {"buy": {"label": "buy", "kind": "binary"}},
    )
    assert line == (
        "start_from.freeze: towers: tower_logits of buy: would stay at random "
        "weights, because no weights of the earlier run fit them; leave towers out of "
        "start_from.freeze"
    )


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (["start_from.freeze=[towers]"], "freeze: without an earlier run there"),
        (["start_from.reset=[towers]"], "reset: without an earlier run there"),
        (
            ["start_from.run=r", "start_from.freeze=[tower]"],
            "should be 'embeddings', 'en",
        ),
        (
            ["start_from.run=r", "start_from.reset=[tower]"],
            "should be 'embeddings', 'en",
        ),
        (["start_from.run=r", "start_from.refit=[users]"], "did you mean user?"),
        (
            [
                "start_from.run=r",
                "start_from.reset=[towers]",
                "start_from.freeze=[towers]",
            ],
            "towers would stay at random weights",
        ),
        (
            [
                "start_from.run=r",
                "start_from.freeze=[embeddings,encoder,experts,gates,towers]",
            ],
            "no part is left to train",
        ),
    ],
)
def test_wrong_keys_are_refused(settings: list[str], said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        chosen(Path("t.parquet"), *settings)


@pytest.mark.slow
def test_resumed_run_needs_no_earlier_run(
    days: dict[str, Path], tmp_path: Path
) -> None:
    run = copied(days, tmp_path)
    chosen_run = chosen(days["day2"], f"start_from.run={run}")
    run_in(tmp_path / "new", chosen_run, eager=True)
    before = read_earlier_run(chosen_run, tmp_path / "new", is_resumed=False)
    shutil.rmtree(run)
    after = read_earlier_run(chosen_run, tmp_path / "new", is_resumed=True)
    assert before is not None and after is not None and after.is_kept
    assert (after.learnt, after.lineage) == (before.learnt, before.lineage)
    with pytest.raises(ConfigError, match="there is no folder"):
        read_earlier_run(chosen_run, tmp_path / "new", is_resumed=False)
    file = tmp_path / "new" / earlier_run.KEPT_FILE
    kept = json.loads(file.read_text())
    forged = {
        "Invalid JSON": "{",
        "lineage: Field required": "{}",
        "hydra: Unexpected": json.dumps(kept | {"hydra": 1}),
        "optimizer_step: Input should be less": json.dumps(
            kept | {"optimizer_step": 10**30}
        ),
        "labels.amount.mean: Input should be a valid number": json.dumps(
            kept | {"labels": {"amount": {"mean": "x"}}}
        ),
        "'other' is not in this run": json.dumps(kept | {"tasks": ["other"]}),
        "learnt.price: Input should be an object": json.dumps(
            kept | {"learnt": {"price": [1]}}
        ),
    }
    for reason, text in forged.items():
        file.write_text(text)
        with pytest.raises(DataError, match="is damaged") as error:
            read_earlier_run(chosen_run, tmp_path / "new", is_resumed=True)
        assert reason in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("feature", "forged"),
    [
        ("price", {}),
        ("price", {"mean": "0", "deviation": 1.0}),
        ("price", {"mean": 10**400, "deviation": 1.0}),
        ("price", {"mean": 0.0, "deviation": 1.0, "low": 0.0}),
        ("user", {"vocabulary": [1, 2]}),
        ("user", {"vocabulary": "12"}),
        ("user", {"vocabulary": ["1"], "embedding_dim": 10**9}),
        ("hour", {"embedding_dim": 10**9}),  # a hashed feature learns nothing else
        ("age", {"cuts": {"0": 1.0}}),
    ],
)
def test_forged_memory_of_a_feature_is_refused(
    feature: str, forged: dict[str, Any]
) -> None:
    fresh = {
        "price": {"mean": 1.0, "deviation": 2.0},
        "user": {"vocabulary": ["3", "4"]},
        "age": {"cuts": [1.0]},
        "hour": {},
    }
    data = config(values(Path("t.parquet"), FEATURES, TASKS)).dataset
    with pytest.raises(
        DataError, match=f"what feature {feature} has learnt in that run is"
    ):
        extend_learnt(feature, data.used_features[feature], forged, fresh[feature])


def test_known_values_in_another_spelling_are_told() -> None:
    data = config(values(Path("t.parquet"), FEATURES, TASKS)).dataset
    features = {name: data.used_features[name] for name in ("item", "price")}
    earlier: dict[str, Any] = {"item": {"vocabulary": ["3", "4"]}, "price": {}}

    def findings(*new_values: str) -> list[str]:
        vocabulary = ["3", "4", *new_values]
        learnt = {"item": {"vocabulary": vocabulary}, "price": {}}
        return other_spelling_findings(earlier, FeatureSet(features, learnt))

    (line,) = findings("4.0", "3.0", "5.0")
    assert line.endswith("start fresh: item (2 values, such as '4.0' for '4')")
    assert findings("4.0", "5", "6") == []
    assert findings() == []


@pytest.mark.parametrize(
    ("forged", "message"),
    [
        ({}, "task amount: 'mean'"),
        (
            {"mean": "x", "deviation": 1.0},
            "task amount: mean is 'x'; expected a number",
        ),
        ([1.0], "task amount: expected numbers by name, got [1.0]"),
        (
            {"mean": 0.0, "deviation": 1.0, "low": 0.0},
            "what the labels of amount have learnt in that run is damaged",
        ),
    ],
)
def test_forged_statistics_of_labels_are_refused(
    forged: object, message: str, days: dict[str, Path], tmp_path: Path
) -> None:
    run = copied(days, tmp_path)
    file = run / "model" / "learnt.json"
    learnt = json.loads(file.read_text())
    assert learnt["labels"]["amount"].keys() == {"mean", "deviation"}
    learnt["labels"]["amount"] = forged
    file.write_text(json.dumps(learnt))
    line = refused(days["day2"], run)
    assert message in line


@pytest.mark.parametrize(
    ("scenario", "learnt", "reason"),
    [
        ("user", {"user", "item"}, ""),
        ("item", {"user", "item"}, "dataset.scenario is item, whose ids do not go on"),
        ("user", {"item"}, "dataset.scenario is user, whose ids do not go on"),
    ],
)
def test_weights_of_scenarios_go_on_if_their_ids_mean_the_same_values(
    scenario: str, learnt: set[str], reason: str
) -> None:
    def with_scenario(name: str) -> Config:
        data = values(Path("t.parquet"), FEATURES, TASKS, scenario=name)
        return config(data, "model.towers=star")

    earlier: Any = SimpleNamespace(learnt=dict.fromkeys(learnt))
    messages = scenarios_to_start_fresh(
        with_scenario(scenario), with_scenario("user"), earlier
    )
    expected = f"{reason}, so the weights of single scenarios start fresh"
    assert messages == ([expected] if reason else [])


def test_piece_that_the_towers_of_all_tasks_share_goes_on() -> None:
    earlier: Any = SimpleNamespace(tasks=["click"], learnt={})
    owners = {"click": True, "click 2": True, "buy": False, "buy 2": False, "": True}
    for owner, expected in owners.items():
        name = BlockName("towers", "tower_layer_1_priors", owner, "0.kernel")
        assert goes_on(name, earlier) is expected


@pytest.mark.slow
@pytest.mark.parametrize("model", MODELS)
def test_each_frozen_part_of_each_model_stays_bit_by_bit(
    model: str, days: dict[str, Path], eager: None
) -> None:
    """With all that could move weights: decay, an L2 penalty, batch statistics."""
    tasks = {"click": TASKS["click"], "buy": {"label": "buy", "kind": "binary"}}
    dataset = values(days["day1"], FEATURES, tasks)
    dataset |= {"scenario": "item"} if model in SCENARIO_MODELS else {}
    settings = [f"model={model}", "encoder=dcn", "model.batch_norm=true"]
    settings += ["optimizer=adamw", "optimizer.weight_decay=0.1", "model.l2=0.01"]
    settings += ["encoder.l2_embedding=0.01", "trainer.batch_size=100"]
    settings += ["trainer.compile=false", "trainer.epochs=1", "trainer.patience=null"]
    keys: Any = OmegaConf.to_container(composed(*settings), resolve=True)
    chosen = Config.model_validate(keys | {"dataset": dataset})
    data = load(chosen.dataset, chosen.outputs)
    for part in PARTS:
        network = build(chosen, data.features.layout, data.label_statistics)
        parts = part_of_layers(network)
        freeze(network, [part])
        layers = [layer for layer in network.logits.layers if layer.weights]
        before = {layer.name: layer.get_weights() for layer in layers}
        train(chosen, network, data.splits["train"], None, Progress())
        moved = {
            parts[layer.name]
            for layer in layers
            for old, now in zip(before[layer.name], layer.get_weights(), strict=True)
            if (old != now).any()
        }
        assert moved == set(parts.values()) - {part}


@pytest.mark.parametrize(
    ("model", "key", "old", "new"),
    [("snr", "snr_scale", 10.0, 1.0), ("cross_stitch", "stitch_start", 0.9, 0.8)],
)
def test_gates_start_fresh_if_a_key_gives_their_weights_another_meaning(
    model: str, key: str, old: float, new: float
) -> None:
    earlier = check(composed(f"model={model}"))
    changed = check(composed(f"model={model}", f"model.{key}={new}"))
    assert parts_to_start_fresh(earlier, earlier) == {}
    assert parts_to_start_fresh(changed, earlier) == {
        "gates": f"model.{key} was {old}, is {new}, so gates start fresh; "
        f"model.{key}={old} keeps their weights"
    }
