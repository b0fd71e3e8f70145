"""POSO is its paper's equations on MMoE."""

import numpy as np
import pytest
from helpers.commands import refused
from helpers.equations import (
    assert_equal_up_to_rounding,
    mlp,
    read_gates,
    read_inputs,
    read_mlps,
    sigmoid,
    softmax,
    through_towers,
    to_float64,
    towers_in_one_layer,
)
from helpers.gate_usage import measure_gate_usage
from helpers.networks import (
    TASKS,
    arrays,
    config,
    features,
    network,
    randomize,
    read_dense,
)
from helpers.slow import slow_except

from mtl_cli.config.run_config import Config
from mtl_cli.data.table import Table

SIZES = ["model=poso", "model.tower_units=[8]", "model.expert_units=[16,8]"]
SIZES += ["model.num_experts=3", "model.personal_gate_units=[5]"]
COLUMNS = {"user": slice(0, 4), "item": slice(4, 8), "hour": slice(8, 12)}


@pytest.fixture(autouse=True)
def features_of_the_layout(monkeypatch):
    """Keys may name the features of the layout, which no data set declares."""
    monkeypatch.setattr(Config, "_check_features", lambda self: None)
    config.cache_clear()
    yield
    config.cache_clear()


def poso(*overrides, num_tasks=2):
    net = network(*SIZES, *overrides, num_tasks=num_tasks)
    randomize(net.logits)
    return net


def factors(net, u):
    """sigmoid(V relu(U u + c) + e)."""
    layer = net.logits.get_layer("personal_gate")
    (hidden,) = read_mlps_of(layer.hidden)
    kernel, bias = to_float64(*read_dense(layer.factors, 0))
    return sigmoid(mlp(u, hidden) @ kernel + bias)


def read_mlps_of(layer):
    dense = [x for x in layer.stack if hasattr(x, "kernel")]
    return [[to_float64(*read_dense(x, i)) for x in dense] for i in range(layer.num)]


@pytest.mark.parametrize("num_tasks", slow_except([3], [1, 3]))
@pytest.mark.parametrize("scale", [1.0, 2.0])
@pytest.mark.parametrize("names", [["hour"], []])
def test_poso_is_its_equations(names, scale, num_tasks):
    chosen = f"model.personal_features=[{','.join(names)}]"
    net, rows = poso(chosen, f"model.scale={scale}", num_tasks=num_tasks), features()
    (x,) = read_inputs(net, rows)
    u = np.concatenate([x[:, COLUMNS[name]] for name in names or COLUMNS], axis=1)
    p = factors(net, u)
    experts = [mlp(x, expert) for expert in read_mlps(net, "experts")]
    hidden = []
    for units, kernel in read_gates(net, "gates"):
        g = softmax(mlp(x, units) @ kernel)
        terms = [p[:, [i]] * g[:, [i]] * f for i, f in enumerate(experts)]
        hidden.append(scale * sum(terms))
    want = through_towers(net, hidden, towers_in_one_layer(num_tasks))
    assert_equal_up_to_rounding(arrays(net.logits(rows)), want)


def test_factors_of_one_half_leave_mmoe():
    net, rows = poso("model.scale=2.0"), features()
    for weight in net.logits.get_layer("personal_gate").factors.weights:
        weight.assign(0 * weight)
    mmoe = network("model=mmoe", *SIZES[1:4])
    for layer in mmoe.logits.layers:
        if layer.weights:
            layer.set_weights(net.logits.get_layer(layer.name).get_weights())
    assert_equal_up_to_rounding(arrays(net.logits(rows)), arrays(mmoe.logits(rows)))


def test_report_of_the_gates_gives_the_factor_of_each_expert():
    ones = {task: np.ones(64, "float32") for task in TASKS[:2]}
    usage = measure_gate_usage(poso(), config(*SIZES), Table(features(), {}, ones))
    (personal,) = [gate for gate in usage["gates"] if gate["level"] == "personal"]
    assert list(personal["weights"]) == ["shared 1", "shared 2", "shared 3"]
    assert personal["task"] is None


@pytest.mark.slow
def test_unknown_feature_is_refused(tmp_path):
    setting = "model.personal_features=[ages]"
    code, _, error, _ = refused(tmp_path, "model=poso", setting)
    assert code == 2
    assert "model.personal_features: no feature 'ages' in dataset adult, " in error
    assert "did you mean age?" in error
