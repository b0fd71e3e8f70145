"""What all heads promise on every model, whatever they are: found by their files."""

import itertools

import numpy as np
import pytest
import tensorflow as tf
from helpers.networks import (
    LAYOUT,
    MODELS,
    SCENARIO,
    SCENARIO_MODELS,
    arrays,
    config,
    features,
    randomize,
)
from helpers.slow import slow_except

from mtl_cli.core.option_classes import option_names
from mtl_cli.data.table import Table
from mtl_cli.layers.fast_factors import FACTOR_SPEED
from mtl_cli.network.build import build
from mtl_cli.network.network import Network
from mtl_cli.training.calibration import calibrate
from mtl_cli.training.calibration_fit import TowerRows, fit
from mtl_cli.training.feed import MemoryFeed
from mtl_cli.training.steps import Steps

HEADS = option_names("heads")
# The default suite has all heads, the slow suite all models.
EACH_MODEL = [*zip(itertools.cycle(HEADS), MODELS, strict=False)]
OTHER_PAIRS = [
    pytest.param(*pair, marks=pytest.mark.exhaustive)
    for pair in itertools.product(HEADS, MODELS)
    if pair not in EACH_MODEL
]
TASKS = ["click", "cart", "buy"]
ROWS = 64
SMALL = [
    *["encoder.embedding_dim=4", "trainer.batch_size=32", "trainer.compile=false"],
    "~dataset.tasks",
    "+dataset.tasks={"
    + ", ".join(f"{name}: {{label: {name}, kind: binary}}" for name in TASKS)
    + "}",
]


def settings(heads: str, model: str) -> list[str]:
    scenario = SCENARIO if model in SCENARIO_MODELS else []
    return [f"model={model}", f"model.heads={heads}", *SMALL, *scenario]


def planted() -> Table:
    """Rows of a funnel. Some labels are missing, and one row has weight 0."""
    random = np.random.default_rng(0)
    reached = np.cumprod(random.random((len(TASKS), ROWS)) < 0.7, axis=0)
    labels = {name: y.astype("float32") for name, y in zip(TASKS, reached, strict=True)}
    weights = {name: np.ones(ROWS, "float32") for name in TASKS}
    for row, name in enumerate(TASKS):
        labels[name][row] = np.nan
        weights[name][row] = 0
        weights[name][-1] = 0
    return Table(features(), labels, weights)


def built(*overrides: str) -> tuple[Network, Steps]:
    tf.keras.utils.set_random_seed(0)
    chosen = config(*overrides)
    network = build(chosen, LAYOUT)
    return network, Steps(chosen, network, ROWS)


def train(network: Network, steps: Steps, table: Table) -> list[np.ndarray]:
    """Trains an epoch of two steps, and returns the losses and the new weights."""
    buffer = MemoryFeed(table, TASKS).buffer(np.arange(ROWS), 32)
    losses = np.concatenate(list(steps.epoch([buffer])))
    return [losses, *network.logits.get_weights()]


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize(
    ("heads", "model"), slow_except(EACH_MODEL[: len(HEADS)], EACH_MODEL) + OTHER_PAIRS
)
def test_heads_have_their_outputs_and_train_all_towers(heads: str, model: str) -> None:
    network, steps = built(*settings(heads, model))
    outputs = [output.name for output in config(*settings(heads, model)).outputs]
    logits = arrays(network.logits(features()))
    predictions = arrays(network.predictions(features()))
    assert {*outputs} <= {*logits}
    assert [*predictions] == outputs
    for prediction in predictions.values():
        assert np.all((prediction > 0) & (prediction < 1))
    before = [w.path for w in network.logits.weights], network.logits.get_weights()
    losses, *after = train(network, steps, planted())
    assert np.isfinite(losses).all()
    for path, old, new in zip(*before, after, strict=True):
        assert np.isfinite(new).all()
        assert "towers" not in path or not np.array_equal(old, new), path


@pytest.mark.slow
@pytest.mark.parametrize("heads", slow_except(["escm2"], HEADS))
def test_steps_of_heads_are_the_same_with_xla(heads: str) -> None:
    plain = train(*built(*settings(heads, "shared_bottom")), planted())
    compiled = [*settings(heads, "shared_bottom"), "trainer.compile=true"]
    for a, b in zip(plain, train(*built(*compiled), planted()), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize("heads", slow_except(["escm2"], HEADS))
def test_equal_members_take_the_step_of_one_network(heads: str) -> None:
    """The loss is the mean over the members, so that shared weights move alike."""
    sgd = ["optimizer=sgd", "optimizer.momentum=0", "trainer.batch_size=64"]
    overrides = [*settings(heads, "shared_bottom"), *sgd]
    one, one_step = built(*overrides)
    two, two_steps = built(*overrides, "model.members=2")
    randomize(one.logits)
    is_shared = []
    values = iter(one.logits.get_weights())
    for weight in two.logits.weights:
        if weight.path.startswith("members"):
            weight.assign(tf.ones_like(weight) / FACTOR_SPEED)
            continue
        value = next(values)
        is_shared.append(value.shape == weight.shape)
        # Each member has a last layer of each tower: (towers, members) side by side.
        axis = -1 if value.shape[0] == weight.shape[0] else 0
        times = weight.shape[axis] // value.shape[axis]
        weight.assign(value if is_shared[-1] else np.repeat(value, times, axis))
    train(one, one_step, planted())
    train(two, two_steps, planted())
    of_two = [w for w in two.logits.weights if not w.path.startswith("members")]
    compared = zip(one.logits.weights, of_two, is_shared, strict=True)
    shared = [(a, b) for a, b, both in compared if both]
    assert any("bottom" in a.path for a, _ in shared)
    for a, b in shared:
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("heads", slow_except(["escm2"], HEADS))
def test_each_tower_is_calibrated_to_the_rows_of_its_output(heads: str) -> None:
    chosen = config(*settings(heads, "shared_bottom"), "trainer.calibration=platt")
    network = build(chosen, LAYOUT)
    randomize(network.logits)
    table = planted()
    for output in chosen.outputs:
        if output.added_by_heads:
            reached = np.nan_to_num(table.labels[output.space]) == 1
            table.weights[output.name] = table.weights[output.label] * reached
    fitted = calibrate(chosen, network, table)
    assert {*fitted} == {*TASKS}
    logits = arrays(network.logits(table.features))
    tower_outputs = chosen.model.heads_option.tower_outputs(chosen.chosen_tasks)
    for name in TASKS:
        output = tower_outputs[name].name
        weight = table.weights[output]
        label = np.nan_to_num(table.labels[name]).astype(int)
        logit = logits[output][None, :, None].astype("float64")
        rows = TowerRows(logit, label, weight, chosen.chosen_tasks[name])
        rows = rows.select(weight > 0)
        assert fitted[name].rows == len(rows)
        assert (fitted[name].scale, fitted[name].shift) == pytest.approx(
            fit("platt", rows), rel=1e-3
        )
