"""Cross-stitch networks are their paper's equations."""

import keras
import numpy as np
import pytest
from helpers.equations import (
    assert_equal_up_to_rounding,
    gradients,
    mlp,
    read_inputs,
    read_mlps,
    through_towers,
    towers_in_one_layer,
)
from helpers.gate_usage import measure_gate_usage
from helpers.networks import LAYOUT, TASKS, arrays, config, features, network, randomize
from helpers.slow import slow_except

from mtl_cli.data.table import Table
from mtl_cli.network.build import build
from mtl_cli.training.feed import MemoryFeed
from mtl_cli.training.steps import Steps

SIZES = ["model=cross_stitch", "model.bottom_units=[16,8]", "model.tower_units=[8]"]


def matrix(net, level):
    """A = A_0 + c a, with A_0 of .7 on the diagonal and c = 10."""
    a = net.logits.get_layer(f"level_{level}_stitches").variable.numpy()
    num_tasks = len(a)
    start = np.full(a.shape, 0.3 / (num_tasks - 1))
    np.fill_diagonal(start, 0.7)
    return start + 10 * a.astype("float64")


@pytest.mark.parametrize("num_tasks", [1, 2, 3])
def test_cross_stitch_is_its_equations(num_tasks):
    keys = ["model.stitch_start=0.7", "model.stitch_scale=10"]
    net, rows = network(*SIZES, *keys, num_tasks=num_tasks), features()
    randomize(net.logits)
    (x,) = read_inputs(net, rows)
    streams = [x] * num_tasks
    for level in (1, 2):
        networks = read_mlps(net, f"level_{level}_bottoms")
        outputs = [mlp(x, layers) for x, layers in zip(streams, networks, strict=True)]
        a = matrix(net, level) if num_tasks > 1 else np.eye(1)
        streams = [
            sum(a[t, s] * outputs[s] for s in range(num_tasks))
            for t in range(num_tasks)
        ]
    want = through_towers(net, streams, towers_in_one_layer(num_tasks))
    assert_equal_up_to_rounding(arrays(net.logits(rows)), want)


def test_matrix_starts_with_nine_tenths_of_the_own_layer():
    net = network("model=cross_stitch", num_tasks=3)
    for level in (1, 2):
        layer = net.logits.get_layer(f"level_{level}_stitches")
        weights = layer(np.zeros((1, 4), "float32")).numpy()[:, 0]
        expected = np.full((3, 3), 0.05)
        np.fill_diagonal(expected, 0.9)
        np.testing.assert_allclose(weights, expected, 1e-6)


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize("scale", slow_except([50.0], [1.0, 50.0]))
def test_step_of_adam_moves_the_matrix_by_the_scale_times_the_learning_rate(scale):
    sizes = [*SIZES, "encoder.embedding_dim=4", "trainer.compile=false"]
    chosen = config(*sizes, f"model.stitch_scale={scale}", "optimizer.epsilon=1e-30")
    keras.utils.set_random_seed(0)
    net, inputs = build(chosen, LAYOUT), features()
    tasks = list(chosen.chosen_tasks)
    ones = np.ones(64, "float32")
    table = Table(inputs, dict.fromkeys(tasks, ones), dict.fromkeys(tasks, ones))
    layer = net.logits.get_layer("level_2_stitches")
    before = layer(inputs["dense"]).numpy()[:, 0]
    buffer = MemoryFeed(table, tasks).buffer(np.arange(64), 64)
    list(Steps(chosen, net, 64).epoch([buffer]))
    moved = np.abs(layer(inputs["dense"]).numpy()[:, 0] - before)
    rate = chosen.optimizer.learning_rate
    np.testing.assert_allclose(moved, scale * rate, rtol=1e-3)


def test_loss_of_a_task_leaves_the_rows_of_other_tasks_in_the_last_matrix():
    net = network(*SIZES, "model.activation=tanh", num_tasks=3)
    randomize(net.logits)
    for owner, task in enumerate(TASKS):
        found = gradients(net, features(), task)["level_2_stitches/weights"]
        assert found[owner].all()
        assert not np.delete(found, owner, axis=0).any()


def test_gates_json_holds_the_matrices():
    net, rows = network(*SIZES, num_tasks=2), features()
    ones = {task: np.ones(len(rows["ids"]), "float32") for task in TASKS[:2]}
    usage = measure_gate_usage(net, config(*SIZES), Table(rows, {}, ones))
    first = usage["gates"][0]
    assert (first["level"], first["task"]) == ("level_1", "income")
    assert first["weights"] == pytest.approx({"income": 0.9, "never_married": 0.1})
    assert "mean_entropy" not in first
    assert len(usage["gates"]) == 4
