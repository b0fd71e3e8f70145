"""PEPNet's gates are the paper's equations, on the encoder and on all towers."""

from dataclasses import replace

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
    sigmoid,
    to_float64,
)
from helpers.gate_usage import measure_gate_usage
from helpers.networks import (
    ENCODERS,
    TASKS,
    arrays,
    config,
    dense_layers,
    features,
    network,
    randomize,
    read_dense,
    write_dense,
)
from helpers.slow import slow_except

from mtl_cli.columns.encodings import Encodings
from mtl_cli.data.table import Table
from mtl_cli.layers import GateNU
from mtl_cli.towers.ppnet import names_of_input_units

PPNET = ["model=pepnet", "model.tower_units=[8,6]", "model.prior_gate_units=[5]"]
EPNET = ["encoder.domain_features=[hour]", "encoder.domain_gate_units=[5]"]
WIDTH = 3 * 4 + 2  # of x: user, item, hour, and two numbers
COLUMNS = {"user": slice(0, 4), "item": slice(4, 8), "hour": slice(8, 12)}


@pytest.fixture(autouse=True)
def names_of_features(monkeypatch):
    """The layout's features in place of the data set's."""
    monkeypatch.setattr(
        "mtl_cli.config.run_config.Config._check_features", lambda self: None
    )
    config.cache_clear()
    yield
    config.cache_clear()


def built(*overrides, num_tasks=3):
    net = network(*overrides, num_tasks=num_tasks)
    randomize(net.logits)
    return net


def gate_nu(net, name, i, read):
    """2 sigmoid(W' relu(W x + b) + b') of gate i."""
    layer = net.logits.get_layer(name)
    (kernel, bias), *rest = [
        to_float64(*read_dense(dense, i if layer.hidden.num > 1 else 0))
        for dense in dense_layers(layer.hidden)
    ]
    assert not rest
    out, out_bias = to_float64(*read_dense(layer.factors, i))
    return 2 * sigmoid(relu(read @ kernel + bias) @ out + out_bias)


def towers_by_equations(net, zs, us):
    """H^(l+1) = relu(W (delta^(l) * H^(l)) + b); the last layer gives the logit."""
    logits = {}
    for t, task in enumerate(TASKS):
        h = zs[t]
        for number in (1, 2, 3):
            name = f"towers_0_1_2_layer_{number}"
            h = gate_nu(net, f"{name}_priors", t, us[t]) * h
            if number < 3:
                h = mlp(h, read_mlps(net, name)[t])
        kernel, bias = to_float64(
            *read_dense(net.logits.get_layer("towers_0_1_2_logits"), t)
        )
        logits[task] = (h @ kernel + bias)[:, 0]
    return logits


@pytest.mark.parametrize(
    "priors", slow_except([["user", "item"]], [["user", "item"], ["hour"], []])
)
def test_ppnet_on_the_encoding_is_its_equations(priors):
    net = built(*PPNET, f"model.prior_features=[{','.join(priors)}]")
    rows = features()
    (x,) = read_inputs(net, rows)
    prior = [x[:, COLUMNS[name]] for name in priors or COLUMNS]
    u = np.concatenate([*prior, x], axis=1)
    want = towers_by_equations(net, [x] * 3, [u] * 3)
    assert_equal_up_to_rounding(arrays(net.logits(rows)), want)


@pytest.mark.parametrize(
    ("model", "num_sets"),
    [("mmoe", 1), pytest.param("single_task", 3, marks=pytest.mark.slow)],
)
def test_ppnet_on_other_models_is_its_equations(model, num_sets):
    net = built(
        *PPNET, f"model={model}", "model.towers=ppnet", "model.prior_features=[user]"
    )
    rows = features()
    xs = read_inputs(net, rows, num_sets) * (3 // num_sets)
    us = [np.concatenate([x[:, COLUMNS["user"]], x], axis=1) for x in xs]
    hidden = keras.Model(net.logits.input, net.hidden)(rows).numpy().astype("float64")
    want = towers_by_equations(net, hidden, us)
    assert_equal_up_to_rounding(arrays(net.logits(rows)), want)


def test_epnet_scales_the_embeddings_as_its_equation_says():
    net = built("model=esmm", "model.heads=independent", "model.tower_units=[]", *EPNET)
    rows = features()
    (x,) = read_inputs(net, rows)
    read = np.concatenate([x[:, COLUMNS["hour"]], x], axis=1)
    o = gate_nu(net, "domain_gate", 0, read) * x
    last, want = net.logits.get_layer("towers_0_1_2_logits"), {}
    for t, task in enumerate(TASKS):
        kernel, bias = to_float64(*read_dense(last, t))
        want[task] = (o @ kernel + bias)[:, 0]
    assert_equal_up_to_rounding(arrays(net.logits(rows)), want)


def close_gates(net):
    """Sets the last layer of all gates to 0, so that their factors are 1."""
    for layer in net.logits.layers:
        if hasattr(layer, "factors"):
            for weight in layer.factors.weights:
                weight.assign(0 * weight)


@pytest.mark.parametrize("encoder", slow_except(["embedding", "dcnv2"], ENCODERS))
def test_gates_of_zeros_leave_the_encoding_and_the_towers_as_they_were(encoder):
    both = ["model=shared_bottom", f"encoder={encoder}", "model.tower_units=[8]"]
    gated, rows = built(*both, "model.towers=ppnet", *EPNET), features()
    close_gates(gated)
    plain = network(*both, num_tasks=3)
    sources = [
        layer
        for layer in gated.logits.layers
        if layer.weights and not hasattr(layer, "factors")
    ]
    for layer in plain.logits.layers:
        shapes = [w.shape for w in layer.weights]
        alike = [
            x
            for x in sources
            if type(x) is type(layer) and [w.shape for w in x.weights] == shapes
        ]
        if shapes and layer.name != "towers_0_1_2":
            layer.set_weights(alike[0].get_weights())
            sources.remove(alike[0])
    (tower,) = sources  # reads an input per task, and not one for all
    assert tower.name == "towers_0_1_2_layer_1"
    for i in range(3):
        kernel = read_dense(tower.stack[0], i)
        write_dense(plain.logits.get_layer("towers_0_1_2").stack[0], i, *kernel)
    assert_equal_up_to_rounding(arrays(gated.logits(rows)), arrays(plain.logits(rows)))


def test_gates_train_prior_embeddings_and_not_the_encoding_that_they_read():
    net = built(*PPNET, "model.prior_features=[user]", "model.activation=tanh")
    for layer in net.logits.layers:  # only the gates of layer 1 can pass a gradient
        if layer.name.endswith("layer_1"):
            (dense,) = dense_layers(layer)
            kernel = dense.kernel.numpy()
            kernel[:, 12:] = 1.0
            kernel[:, :12] = 0.0  # the layer reads the two numbers only
            dense.kernel.assign(kernel)
    found = gradients(net, features(), "income")["embedding/table"]
    assert found[:7].any()  # user
    assert not found[7:].any()  # item, hour


def test_gate_of_another_task_changes_nothing():
    net, rows = built(*PPNET), features()
    before = arrays(net.logits(rows))
    layer = net.logits.get_layer("towers_0_1_2_layer_1_priors")
    bias = layer.factors.bias.numpy()
    bias[1] += 1.0
    layer.factors.bias.assign(bias)
    after = arrays(net.logits(rows))
    np.testing.assert_array_equal(after["income"], before["income"])
    np.testing.assert_array_equal(after["rating"], before["rating"])
    assert np.abs(after["never_married"] - before["never_married"]).max() > 0.01


@pytest.mark.slow
def test_report_of_the_gates_gives_the_mean_factor_of_each_feature():
    net = built(*PPNET, *EPNET, num_tasks=2)
    ones = {task: np.ones(64, "float32") for task in TASKS[:2]}
    usage = measure_gate_usage(net, config(*PPNET, *EPNET), Table(features(), {}, ones))
    seen = {(gate["level"], gate["task"]): gate["weights"] for gate in usage["gates"]}
    assert list(seen[("domain", None)]) == ["user", "item", "hour", "numbers"]
    assert list(seen[("layer_1", "income")]) == ["user", "item", "hour", "numbers"]
    assert list(seen[("layer_2", "income")]) == ["hidden"]
    close_gates(net)
    usage = measure_gate_usage(net, config(*PPNET, *EPNET), Table(features(), {}, ones))
    for gate in usage["gates"]:
        assert set(gate["weights"].values()) == {1.0}


@pytest.mark.slow
def test_report_names_no_features_for_units_of_a_deep_network_as_wide_as_x():
    keys = [*PPNET, f"encoder.deep_units=[{WIDTH}]"]
    net = built(*keys, num_tasks=2)
    ones = {task: np.ones(64, "float32") for task in TASKS[:2]}
    usage = measure_gate_usage(net, config(*keys), Table(features(), {}, ones))
    seen = {(gate["level"], gate["task"]): gate["weights"] for gate in usage["gates"]}
    assert list(seen[("layer_1", "income")]) == ["hidden"]


@pytest.mark.parametrize(
    "setting",
    [
        "model.prior_features=[rac]",
        pytest.param("encoder.domain_features=[rac]", marks=pytest.mark.slow),
    ],
)
def test_unknown_feature_is_refused(setting, tmp_path):
    code, _, error, _ = refused(tmp_path, "model=pepnet", setting)
    assert code == 2
    key = setting.partition("=")[0]
    assert f"{key}: no feature 'rac' in dataset adult, which has age, " in error
    assert "did you mean race?" in error


def test_units_of_x_have_the_names_of_their_features():
    x, other = np.zeros((1, 3)), np.zeros((1, 3))
    encodings = Encodings([x], [x], ["user", "user", "hour"], [], outputs_are_x=True)
    deep = replace(encodings, outputs_are_x=False)
    for hidden, of, owners in (
        (x, encodings, ["user", "user", "hour"]),
        (other, encodings, ["hidden"] * 3),
        (x, deep, ["hidden"] * 3),
    ):
        assert [unit.owner for unit in names_of_input_units(hidden, of)] == owners


def test_building_a_gate_makes_all_its_weights():
    gate = GateNU(num=2, units=3, hidden_units=(4,))
    gate.build((None, 5))
    assert gate.hidden.count_params() == (5 + 1) * 4
    assert gate.factors.count_params() == 2 * (4 + 1) * 3
