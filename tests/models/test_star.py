"""STAR is its paper's equations, with the rows of a batch in any scenarios."""

import keras
import numpy as np
import pytest
from helpers.commands import refused
from helpers.equations import (
    assert_equal_up_to_rounding,
    gradients,
    mlp,
    read_inputs,
    read_mlps,
    relu,
    scenario_shares,
    to_float64,
)
from helpers.networks import (
    SCENARIO,
    TASKS,
    arrays,
    dense_layers,
    features,
    network,
    randomize,
    read_dense,
)

from mtl_cli.layers import StarMLP
from mtl_cli.layers.partitioned_norm import PRIOR_ROWS, PartitionedNorm

STAR = ["model=star", "model.tower_units=[8]", "model.bottom_units=[7,6]"]
SCENARIOS = 3  # of `hour`, whose ids are 1 to 3; id 0 is an unknown hour


def built(*overrides, num_tasks=3):
    net = network(*STAR, *overrides, num_tasks=num_tasks)
    randomize(net.logits)
    return net


def star(x, dense, i, scenario):
    """sum_s share_s (x (W * W_s) + b + b_s)."""
    kernel, bias = to_float64(*read_dense(dense.shared, i))
    factors = dense.scenario_kernel.numpy()[i].astype("float64")
    added = dense.scenario_bias.numpy()[i, :, 0].astype("float64")
    by_scenario = [
        x @ (kernel * w) + bias + b for w, b in zip(factors, added, strict=True)
    ]
    return sum(scenario[:, [s]] * y for s, y in enumerate(by_scenario))


def star_mlp(x, layer, i, scenario):
    for dense in (x for x in layer.stack if hasattr(x, "shared")):
        x = relu(star(x, dense, i, scenario))
    return x


def normalised(x, layer, scenario):
    """(g g_s) (x - m_s) / sqrt(v_s + e) + b + b_s."""
    read = {w.name: w.numpy().astype("float64") for w in layer.weights}
    mean, variance, gamma, beta = (
        scenario @ read[name]
        for name in (
            "moving_mean",
            "moving_variance",
            "scenario_gamma",
            "scenario_beta",
        )
    )
    z = (x - mean) / np.sqrt(variance + layer.epsilon)
    return read["gamma"] * gamma * z + read["beta"] + beta


def by_equations(net, rows, has_bottom=True):
    scenario, (x,) = scenario_shares(rows), read_inputs(net, rows)
    z = normalised(x, net.logits.get_layer("normalisation"), scenario)
    if has_bottom:
        z = star_mlp(z, net.logits.get_layer("bottom"), 0, scenario)
    tower, last = (net.logits.get_layer(f"towers_0_1_2{x}") for x in ("", "_logits"))
    auxiliary = read_mlps(net, "towers_0_1_2_auxiliary")
    added = net.logits.get_layer("towers_0_1_2_auxiliary_logits")
    logits = {}
    for t, task in enumerate(TASKS):
        h = star_mlp(z, tower, t, scenario)
        kernel, bias = to_float64(*read_dense(added, t))
        logits[task] = star(h, last, t, scenario) + mlp(x, auxiliary[t]) @ kernel + bias
    return {task: y[:, 0] for task, y in logits.items()}


@pytest.mark.parametrize("bottom", ["[7,6]", "[]"])
def test_star_is_its_equations(bottom):
    net, rows = built(f"model.bottom_units={bottom}"), features()
    assert (rows["ids"][:, 2] == 0).any()  # rows of an unknown scenario too
    want = by_equations(net, rows, bottom != "[]")
    assert_equal_up_to_rounding(arrays(net.logits(rows)), want)


def test_all_scenarios_start_as_one_network():
    net, rows = network(*STAR, num_tasks=3), features()
    table = net.logits.get_layer("embedding").table
    is_hour = np.arange(table.shape[0])[:, None] >= 7 + 5
    table.assign(np.where(is_hour, 0, table.numpy()))
    found = []
    for hour in range(1 + SCENARIOS):
        rows["ids"][:, 2] = hour
        found.append(arrays(net.logits(rows)))
    for logits in found[1:]:
        for task in TASKS:
            np.testing.assert_allclose(logits[task], found[0][task], 1e-5, 1e-6)
            assert np.ptp(logits[task]) > 0.01


def test_rows_of_a_scenario_train_its_factors_and_the_shared_weights_only():
    net, rows = built("model.activation=tanh"), features()
    rows["ids"][:, 2] = 2  # the second scenario
    found = gradients(net, rows)
    factors = {path: g for path, g in found.items() if "/scenario_" in path}
    assert len(factors) == 2 + 2 * 4  # of the normalisation, and of four dense layers
    for path, gradient in factors.items():
        axis = 0 if "normalisation" in path else 1
        by_scenario = np.moveaxis(gradient, axis, 0)
        moved = [bool(x.any()) for x in by_scenario]
        assert moved == [False, True, False], path
    assert all(g.any() for path, g in found.items() if "shared/kernel" in path)


def test_layers_of_star_have_the_keys_of_hidden_layers():
    keys = ["activation=tanh", "dropout=0.25", "batch_norm=true"]
    net = network(*STAR, *(f"model.{key}" for key in keys))
    layers = [x for x in net.logits.layers if isinstance(x, StarMLP)]
    kinds = [[type(x).__name__ for x in layer.stack] for layer in layers]
    hidden = ["StarDense", "ParallelBatchNorm", "Activation", "Dropout"]
    assert kinds == [hidden * 2, hidden]
    assert layers[0].stack[2].activation is keras.activations.tanh
    assert layers[0].stack[3].rate == 0.25


def test_star_towers_and_no_auxiliary_network_on_another_model():
    keys = ["model=mmoe", "model.towers=star", "model.auxiliary_units=[]", *SCENARIO]
    net, rows = network(*keys, "model.tower_units=[8]", num_tasks=3), features()
    randomize(net.logits)
    hidden = keras.Model(net.logits.input, net.hidden)(rows).numpy().astype("float64")
    tower, last = (net.logits.get_layer(f"towers_0_1_2{x}") for x in ("", "_logits"))
    scenario = scenario_shares(rows)
    want = {
        task: star(star_mlp(hidden[t], tower, t, scenario), last, t, scenario)[:, 0]
        for t, task in enumerate(TASKS)
    }
    assert_equal_up_to_rounding(arrays(net.logits(rows)), want)
    assert not any("auxiliary" in layer.name for layer in net.logits.layers)
    assert len(dense_layers(net.logits.get_layer("experts"))) == 2


def test_normalisation_in_training_is_over_the_rows_of_each_scenario():
    rng = np.random.default_rng(1)
    x, codes = rng.normal(3, 2, (400, 5)).astype("float32"), np.arange(400) % 3
    x[codes == 1] += 10
    scenario = np.eye(4, dtype="float32")[codes]  # no row is of the last one
    layer = PartitionedNorm(momentum=0.5)
    for _ in range(3):  # of other rows: the third has the share 1/2, not 1/3
        layer(x + 1, scenario, training=True)
    y = layer(x, scenario, training=True).numpy()
    for s in range(3):
        own = x[codes == s].astype("float64")
        share = len(own) / (len(own) + PRIOR_ROWS)
        moving = own.mean(axis=0) + 1 / 2
        mean = share * own.mean(axis=0) + (1 - share) * moving
        variance = own.var(axis=0)
        want = (own - mean) / np.sqrt(variance + layer.epsilon)
        np.testing.assert_allclose(y[codes == s], want, 1e-4, 1e-4)
        np.testing.assert_allclose(layer.moving_mean.numpy()[s], moving, 1e-4)
        np.testing.assert_allclose(layer.moving_variance.numpy()[s], variance, 1e-4)
    assert (layer.moving_mean.numpy()[3] == 0).all()
    assert (layer.moving_variance.numpy()[3] == 1).all()


def test_row_of_an_unknown_scenario_counts_as_a_row_of_each():
    rng = np.random.default_rng(1)
    x, codes = rng.normal(0, 2, (500, 5)).astype("float32"), np.arange(500) % 3
    x += 10 * np.array([1, -1, 0])[codes][:, None]
    weights = np.eye(3, dtype="float32")[codes][:, :2]
    weights[codes == 2] = 1 / 2
    layer = PartitionedNorm()
    layer(x, weights, training=True)
    for s in range(2):
        mean = np.average(x, axis=0, weights=weights[:, s])
        variance = np.average((x - mean) ** 2, axis=0, weights=weights[:, s])
        np.testing.assert_allclose(layer.moving_mean.numpy()[s], mean, 1e-4, 1e-5)
        np.testing.assert_allclose(layer.moving_variance.numpy()[s], variance, 1e-4)


def test_first_batches_of_a_scenario_have_equal_shares_in_its_moving_averages():
    layer = PartitionedNorm(momentum=0.99)
    x, scenario = np.ones((4, 2), "float32"), np.eye(2, dtype="float32")[[0, 0, 0, 0]]
    for value in (1, 2, 6):
        layer(value * x, scenario, training=True)
    np.testing.assert_allclose(layer.moving_mean.numpy(), [[3, 3], [0, 0]], 1e-6)


def test_moving_averages_take_small_steps_in_bfloat16_too():
    """A step of 0.00125 from 1 is too small for the 8 bits of bfloat16."""
    layer = PartitionedNorm(momentum=0.99, dtype="mixed_bfloat16")
    scenario = np.eye(2, dtype="float32")[[0, 1, 0, 1]]
    layer(np.ones((4, 2), "float32"), scenario, training=True)
    layer.moving_steps.assign(np.full((2, 1), 1000.0))
    y = layer(np.full((4, 2), 1.125, "float32"), scenario, training=True)
    assert y.dtype == "bfloat16"
    np.testing.assert_allclose(layer.moving_mean.numpy(), 1.00125, 1e-5)


@pytest.mark.slow
def test_star_without_a_scenario_is_refused_in_one_line(tmp_path):
    for setting in ("model=star", "model.towers=star"):
        code, _, error, _ = refused(tmp_path, setting)
        assert code == 2
        assert "dataset.scenario: " in error
        assert (
            "reads the scenario of a row; name the feature that holds the scenario"
            in error
        )


def test_star_towers_of_single_tasks_train_the_embeddings_of_their_task_alone():
    keys = ["model=single_task", "model.towers=star", "model.tower_units=[8]"]
    net = network(*keys, *SCENARIO, "model.activation=tanh", num_tasks=2)
    randomize(net.logits)
    found = gradients(net, features(), "income")["embedding/table"]
    assert found[:, :4].any()
    assert not found[:, 4:].any()  # the vectors of the second task


def test_building_the_layers_makes_all_their_weights():
    layer = StarMLP(2, (4, 3), batch_norm=True)
    layer.build((None, 5), (None, SCENARIOS))
    for dense, norm, width, units in ((0, 1, 5, 4), (3, 4, 4, 3)):
        # The shared weights and those of each scenario; four vectors and the number of
        # steps to normalise.
        weights = (1 + SCENARIOS) * 2 * (width + 1) * units
        assert layer.stack[dense].count_params() == weights
        assert layer.stack[norm].count_params() == 4 * 2 * units + 2
