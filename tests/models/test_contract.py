"""What every model promises on every encoder, whatever it is: found by their YAML."""

import functools
import json
import re

import keras
import numpy as np
import pyarrow as pa
import pytest
import tensorflow as tf
from helpers.composition import composed
from helpers.networks import (
    ENCODER_OF,
    ENCODERS,
    FEW_PAIRS,
    MODELS,
    PAIRS,
    kernel_position,
    parallel_dense_layers,
)
from helpers.planted_data import loaded, parquet, values
from helpers.slow import slow_except
from omegaconf import OmegaConf

from mtl_cli.config.check import check
from mtl_cli.core.errors import ConfigError, TrainingError
from mtl_cli.core.option_classes import option_names
from mtl_cli.core.run_folder import RunFolder
from mtl_cli.data.table import Table
from mtl_cli.network.build import build
from mtl_cli.runs import saved_model
from mtl_cli.training.losses import task_losses
from mtl_cli.training.progress import Progress
from mtl_cli.training.train import train

ROWS = 200
FEATURES = {
    "user": {"kind": "sparse"},
    "item": {"kind": "sparse"},
    "tags": {"kind": "sequence", "max_length": 3, "separator": "|"},
    "price": {"kind": "dense", "transform": "standard"},
    "age": {"kind": "dense", "transform": "none"},
    "picture": {"kind": "vector", "length": 3},
}
TASKS = {
    "click": {"label": "click", "kind": "binary"},
    "buy": {"label": "buy", "kind": "binary"},
    "like": {"label": "like", "kind": "binary", "space": "click"},
    "watch": {"label": "watch", "kind": "regression", "transform": "standard"},
    "stars": {"label": "stars", "kind": "multiclass", "classes": [1, 2, 3]},
    "rating": {"label": "stars", "kind": "ordinal", "classes": [1, 2, 3]},
    "spent": {"label": "spent", "kind": "ziln"},
    "time": {"label": "spent", "kind": "wlr"},
}
SMALL = [
    *["encoder.embedding_dim=4", "model.tower_units=[6]", "trainer.patience=null"],
    *["trainer.compile=false", "trainer.batch_size=64", "optimizer.learning_rate=0.02"],
]
# tanh has slope everywhere; relu's may be 0 for all rows.
WITH_SLOPE = ["model.activation=tanh", "encoder.deep_units=[6]"]

# Which weights belong to one task alone, so that no other task's loss may reach them.
# A new model says here what its paper cuts.
PRIVATE = {
    "single_task": ["bottoms", "towers"],
    "shared_bottom": ["towers"],
    "omoe": ["towers"],  # one gate serves all tasks
    "mmoe": ["gates", "towers"],
    "cgc": ["level_1_gates", "level_1_specific_experts", "towers"],
    # The gate of a task makes the task's own stream, which only its own experts and
    # gates of the next level read.
    "ple": ["level_1_gates", "level_2_gates", "level_2_specific_experts", "towers"],
    "esmm": ["towers"],
    "pepnet": ["towers_0_1_2_layer_1", "towers_0_1_2_logits"],
    "poso": ["gates", "towers"],
    "home": [
        *["level_2_gates", "level_2_self_gates", "level_2_feature_specific_gates"],
        *["level_2_specific_experts", "towers"],
    ],
    # A task's relation network is read by the tasks whose parent the task is.
    "dbmtl": ["towers_0_1_2_logits"],
    "aitm": ["bottoms", "towers"],
    # Every task reads the experts of all tasks, and these read the streams of all.
    "adatt": ["level_2_gates", "towers"],
    "cross_stitch": ["towers"],
    "snr": ["towers"],  # the connections of a task are tested with its equations
    "star": ["towers", "towers_0_1_2_auxiliary"],
    # A task reads the experts of all other tasks with a small weight.
    "m3oe": ["gates", "towers"],
    # The gate of a task reads the experts of all tasks, and trains its own only.
    "stem": ["level_1_gates", "level_1_specific_experts", "towers"],
}
# Weights of one task that the loss of another reaches all the same.
CROSSED = {
    # Below the last level the shared gate mixes the specific experts of all tasks.
    "ple": ["level_1_specific_experts"],
    "adatt": ["level_1_gates", "level_1_specific_experts", "level_2_specific_experts"],
    "cross_stitch": ["level_1_bottoms", "level_2_bottoms"],
    "m3oe": ["specific_experts"],
}
# Whose private weights, besides its own, a task's loss reaches.
CHAINED = {
    ("esmm", "buy"): {"towers": ["click"]},  # pCTCVR = pCTR x pCVR
    # A task attends to the task before it.
    ("aitm", "buy"): {"bottoms": ["click"]},
    ("aitm", "like"): {"bottoms": ["click", "buy"]},
}


def planted(seed=0):
    """Rows whose labels follow from their features."""
    random = np.random.default_rng(seed)
    user, item = random.integers(0, 9, ROWS), random.integers(0, 5, ROWS)
    price = random.normal(size=ROWS)
    click = (user % 3 == item % 3) | (price > 1.2)
    tags = [
        "|".join(random.choice(list("abcd"), n)) for n in random.integers(0, 5, ROWS)
    ]
    return pa.table(
        {
            "user": [f"u{u}" for u in user],
            "item": item,
            "tags": tags,
            "price": price,
            "age": random.uniform(0, 1, ROWS),
            "click": click.astype(int),
            "buy": (click & (price > 0)).astype(int),
            "like": (item > 2).astype(int),
            "watch": 2 * price - (user > 4),
            "stars": 1 + user % 3,
            "spent": np.where(price > 0, np.exp(price + user / 4), 0),
            "picture": random.normal(size=(ROWS, 3)).tolist(),
        }
    )


@functools.cache
def config(model, encoder, *overrides, tasks=3):
    """The configuration that `mtl-train` makes of these overrides."""
    chosen = f"tasks=[{','.join(list(TASKS)[:tasks])}]"
    groups = [f"model={model}", f"encoder={encoder}"]
    keys = composed(*groups, *SMALL, chosen, *overrides)
    found = OmegaConf.to_container(keys, resolve=True)
    dataset = values("never read", FEATURES, TASKS, scenario="item")
    return check(OmegaConf.create(found | {"dataset": dataset}))


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    train = parquet(tmp_path_factory.mktemp("contract"), planted())
    return loaded(train, FEATURES, TASKS)


@pytest.fixture(scope="module")
def network(data):
    """Builds the network of a pair, once for each set of options."""

    @functools.cache
    def built(model, encoder, *overrides, tasks=3, seed=1):
        keras.utils.set_random_seed(seed)
        chosen = config(model, encoder, *WITH_SLOPE, *overrides, tasks=tasks)
        return build(chosen, data.features.layout, data.label_statistics)

    return built


# Of a fixture, so that all tests of a pair follow one another and share its training.
# The default suite trains one pair, the slow suite each model once.
TRAINED = [
    pytest.param(
        p.values,
        id="-".join(p.values),
        marks=pytest.mark.slow if p.values[0] == "mmoe" and not p.marks else p.marks,
    )
    for p in FEW_PAIRS
]


@pytest.fixture(scope="module", params=TRAINED)
def trained(request, data):
    """A pair trained on tasks of every kind, computing in bfloat16."""
    model, encoder = request.param
    keras.utils.set_random_seed(1)
    options = ["trainer.precision=bfloat16", "trainer.epochs=6"]
    # Adam's many operations per weight would take half of the time.
    # Without clipping, some pairs would diverge at this rate.
    options += ["optimizer=sgd", "optimizer.learning_rate=0.3", "optimizer.clip_norm=1"]
    options += ["model.batch_norm=true", "model.dropout=0.1"]
    if hasattr(config(model, encoder).model, "gate_units"):
        options += ["model.gate_units=[3]"]
    # Tracing takes seconds. One pair of the slow suite takes graphs, and in the
    # exhaustive suite each model and each encoder.
    traced = ENCODERS[(MODELS.index(model) + 1) % len(ENCODERS)]
    eager = encoder != traced and (model, encoder) != ("mmoe", ENCODER_OF["mmoe"])
    options += [f"trainer.batch_size={ROWS}"] if eager else []
    chosen = config(model, encoder, *options, tasks=len(TASKS))
    network = build(chosen, data.features.layout, data.label_statistics)
    tf.config.run_functions_eagerly(eager)
    # TensorFlow would rewrite the graphs for seconds, to run them faster for less.
    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})
    history = train(chosen, network, data.splits["train"], None, Progress())
    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": False})
    tf.config.run_functions_eagerly(False)
    return chosen, network, history


def predict(network, features):
    """Predictions by output, (rows,) or (rows, classes)."""
    return network.predict(Table(features, {}, {}))


def rows_of(data):
    return {name: x.copy() for name, x in data.splits["train"].features.items()}


def assert_same(found, expected):
    assert list(found) == list(expected)
    for name, x in expected.items():
        np.testing.assert_array_equal(found[name], x, name, strict=True)


# Configuration.


def as_saved(chosen):
    """A configuration without how a sweep runs its jobs, which no run saves."""
    return chosen.model_copy(update={"sweep": None, "compare": None})


@pytest.mark.parametrize(("model", "encoder"), PAIRS)
def test_configuration_comes_back_from_json_as_it_was(model, encoder):
    chosen = config(model, encoder, *WITH_SLOPE)
    dumped = json.loads(json.dumps(chosen.model_dump(mode="json"), allow_nan=False))
    again = check(OmegaConf.create(dumped))
    assert again == as_saved(chosen)
    assert again.model_dump(mode="json") == dumped
    assert type(again.model) is type(chosen.model)
    assert type(again.encoder) is type(chosen.encoder)


# Predictions.


@pytest.mark.parametrize(("model", "encoder"), FEW_PAIRS)
def test_start_follows_the_seed(model, encoder, network):
    first = network(model, encoder).logits.get_weights()
    again = network.__wrapped__(model, encoder).logits.get_weights()
    other = network.__wrapped__(model, encoder, seed=2).logits.get_weights()
    drawn = 0
    for x, y, z in zip(first, again, other, strict=True):
        np.testing.assert_array_equal(x, y)
        if np.ptp(x):  # not a constant
            drawn += 1
            is_drawn = x != 0  # the embeddings of unknown values start at 0
            assert (x != z)[is_drawn].mean() > 0.9
    assert drawn > 2


@pytest.mark.parametrize(("model", "encoder"), FEW_PAIRS)
def test_rows_are_predicted_alike_alone_in_short_and_in_whole_batches(
    model, encoder, network, data
):
    predictor, features = network(model, encoder).predict, rows_of(data)
    whole = predictor(Table(features, {}, {}))
    assert all(np.ptp(p) > 0 for p in whole.values())
    for size in (1, 64):  # 200 rows: the last batch of 64 holds 8
        starts = range(0, ROWS, size) if size > 1 else range(3)
        parts = [
            predictor(Table({n: x[i : i + size] for n, x in features.items()}, {}, {}))
            for i in starts
        ]
        for name, expected in whole.items():
            found = np.concatenate([part[name] for part in parts])
            # Matrix products of other shapes sum in another order.
            np.testing.assert_allclose(found, expected[: len(found)], 1e-5, 1e-6)


@pytest.mark.parametrize(("model", "encoder"), PAIRS)
def test_values_never_seen_and_missing_ones_have_finite_predictions(
    model, encoder, network, data
):
    raw = planted(seed=1).slice(0, 4)
    strange = {
        "user": ["nobody", "", "u1", None],
        "item": pa.array([10**18, -1, None, 3]),
        "tags": ["x|y", "", None, "a"],
    }
    for name, cells in strange.items():
        at = raw.column_names.index(name)
        raw = raw.set_column(at, name, pa.array(cells))
    features = data.features.encode(raw)
    assert (features["ids"][:2] == 0).all()
    rows = {name: tf.constant(x) for name, x in features.items()}
    for name, p in network(model, encoder).predictions(rows).items():
        assert np.isfinite(p).all(), name


@pytest.mark.parametrize(("model", "encoder"), FEW_PAIRS)
def test_huge_numbers_and_logits_leave_predictions_and_losses_finite(
    model, encoder, network, data
):
    relu = "model.activation=relu"  # tanh has no huge values
    net, features = network(model, encoder, relu), rows_of(data)
    features["dense"][::2] = 1e6
    features["dense"][1::2] = -1e6
    tasks = config(model, encoder).chosen_tasks
    rows = {name: tf.constant(x) for name, x in features.items()}
    before = net.logits.get_weights()
    try:
        for _ in range(10):
            logits = net.logits(rows)
            ones = {task: tf.ones(ROWS) for task in tasks}
            for label in (tf.zeros(ROWS), tf.ones(ROWS)):
                labels = dict.fromkeys(tasks, label)
                losses = task_losses(tasks, logits, labels, ones)
                assert np.isfinite(losses).all()
            for p in net.predictions(rows).values():
                assert ((p >= 0) & (p <= 1)).numpy().all()
            if max(np.abs(x).max() for x in logits.values()) > 1e10:
                break
            # HoME normalises its experts, so their logits need a larger factor.
            for weight in net.logits.trainable_weights:
                if "logits" in weight.path:
                    weight.assign(weight * 1e4)
        assert max(np.abs(x).max() for x in logits.values()) > 1e10
    finally:
        net.logits.set_weights(before)


# Numbers of tasks.


@pytest.mark.parametrize("model", slow_except(["esmm", "mmoe", "cgc"], MODELS))
def test_one_task_is_enough_or_is_refused_in_words(model, network, data):
    if model == "esmm":
        with pytest.raises(ConfigError, match="esmm needs two tasks"):
            config(model, "embedding", tasks=1)
    net = network(model, "embedding", "model.heads=independent", tasks=1)
    found = net.predictions(rows_of(data))
    assert list(found) == ["click"]
    assert np.ptp(found["click"].numpy()) > 0


def test_tasks_of_every_kind_learn_in_bfloat16(trained, data):
    chosen, network, history = trained
    assert {task["kind"] for task in TASKS.values()} == set(option_names("tasks"))
    first, last = history.epochs[0].losses, history.epochs[-1].losses
    assert list(last) == list(TASKS)
    assert sum(last.values()) < 0.95 * sum(first.values())
    found = predict(network, rows_of(data))
    assert list(found) == [output.name for output in chosen.outputs]
    for name in ("stars", "rating"):
        assert found[name].shape == (ROWS, 3)
        np.testing.assert_allclose(found[name].sum(axis=1), 1, 1e-5)
    for name in ("spent", "time"):
        assert found[name].shape == (ROWS,)
        assert (found[name] > 0).all()
    assert {w.dtype for w in network.logits.trainable_variables} == {"float32"}


# Saving.


@pytest.mark.parametrize("model", MODELS)
def test_no_operation_holds_a_tensor_which_an_export_would_take_for_an_input(
    model, network
):
    for operation in network(model, ENCODER_OF[model]).predictions.operations:
        for node in operation._inbound_nodes:
            arguments = [*node.arguments.args, *node.arguments.kwargs.values()]
            for argument in keras.tree.flatten(arguments):
                assert not isinstance(argument, tf.Tensor), operation.name


# Keras asks NumPy 2 for an array without a copy in a way that NumPy deprecates.
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_saved_network_predicts_the_same_bits_once_loaded(trained, data, tmp_path):
    chosen, network, _ = trained
    expected = predict(network, rows_of(data))
    values = chosen.model_dump(mode="json")
    folder = RunFolder(tmp_path / "run")
    saved_model.save(folder, network, values, data.features)
    folder.release()

    keras.utils.set_random_seed(99)  # nothing of the start may remain
    model = saved_model.load(tmp_path / "run")
    assert model.config == as_saved(chosen)
    again = model.network
    assert_same(predict(again, model.features.encode(planted())), expected)
    weights = zip(again.logits.get_weights(), network.logits.get_weights(), strict=True)
    assert all(np.array_equal(x, y) for x, y in weights)


# Gradients.


def gradients(network, features, tasks):
    """Of the sum of each task's logits with random signs, by weight; 0 where none."""
    signs = np.random.default_rng(3).normal(size=(ROWS, 1)).astype("float32")
    weights = network.logits.trainable_weights
    rows = {name: tf.constant(x) for name, x in features.items()}
    with tf.GradientTape(persistent=True) as tape:
        logits = network.logits(rows)
        totals = {task: tf.reduce_sum(signs * logits[task]) for task in tasks}
    found = {}
    for task, total in totals.items():
        of_task = tape.gradient(total, [weight.value for weight in weights])
        found[task] = {
            weight.path: np.zeros(weight.shape)
            if gradient is None
            else tf.convert_to_tensor(gradient).numpy()
            for weight, gradient in zip(weights, of_task, strict=True)
        }
    return found


def reached(network, found, prefix, owner, num_tasks):
    """Whether a gradient reaches the networks of one task in some layers, by layer."""
    layers = {}
    for layer in network.logits.layers:
        if not re.fullmatch(rf"{prefix}(_[0-9_]*(logits)?)?", layer.name):
            continue
        for dense in parallel_dense_layers(layer):
            each = dense.num // num_tasks
            parts = []
            for i in range(owner * each, (owner + 1) * each):
                group, columns = kernel_position(dense, i)
                parts.append(found[dense.kernel.path][group, :, columns])
                if dense.use_bias:
                    parts.append(found[dense.bias.path][i])
            layers[f"{layer.name} {dense.path}"] = any(part.any() for part in parts)
    assert layers, f"no layer is named {prefix}"
    return layers


@pytest.fixture(scope="module")
def by_task(network, data):
    """Computes the gradients of each of three tasks, once for each pair."""

    @functools.cache
    def computed(model, encoder):
        net = network(model, encoder)
        return net, gradients(net, rows_of(data), list(TASKS)[:3])

    return computed


@pytest.mark.parametrize(("model", "encoder"), PAIRS)
def test_gradient_reaches_every_weight(model, encoder, by_task):
    net, found = by_task(model, encoder)
    for weight in net.logits.trainable_weights:
        assert any(by_path[weight.path].any() for by_path in found.values())


@pytest.mark.parametrize("model", MODELS)
def test_no_gradient_crosses_where_the_paper_cuts_it(model, by_task):
    assert model in PRIVATE, "say in PRIVATE which weights belong to one task alone"
    net, found_by_task = by_task(model, ENCODER_OF[model])
    tasks = list(found_by_task)
    for task, found in found_by_task.items():
        for owner, name in enumerate(tasks):
            chained = CHAINED.get((model, task), {})
            for prefix in PRIVATE[model]:
                mine = name == task or name in chained.get(prefix, [])
                layers = reached(net, found, prefix, owner, len(tasks))
                assert set(layers.values()) == {mine}, (task, name, layers)
            for prefix in CROSSED.get(model, []):
                layers = reached(net, found, prefix, owner, len(tasks))
                assert set(layers.values()) == {True}, (task, name, layers)


# What goes wrong.


@pytest.mark.parametrize("model", slow_except(["mmoe"], MODELS))
def test_weight_that_is_no_number_stops_the_run_in_one_line(model, data, request):
    if model != "shared_bottom":  # one model takes graphs, the others save the tracing
        request.addfinalizer(lambda: tf.config.run_functions_eagerly(False))
        tf.config.run_functions_eagerly(True)
    one_step = ["trainer.epochs=1", f"trainer.batch_size={ROWS}", "optimizer=sgd"]
    chosen = config(model, "embedding", *one_step, tasks=2)
    network = build(chosen, data.features.layout, data.label_statistics)
    weight = network.logits.trainable_weights[-1]
    weight.assign(np.full(weight.shape, np.nan))
    with pytest.raises(TrainingError) as caught:
        train(chosen, network, data.splits["train"], None, Progress())
    told = str(caught.value)
    assert re.match(r"loss of task \w+ became nan in epoch 1, step 1; ", told)
    assert told.isprintable()
