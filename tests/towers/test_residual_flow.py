"""ResFlow adds each layer of a tower to the same layer of the next tower."""

import numpy as np
import pytest
from helpers.equations import (
    assert_equal_up_to_rounding,
    gradients,
    mlp,
    read_inputs,
    read_mlps,
    relu,
    to_float64,
)
from helpers.networks import (
    TASKS,
    arrays,
    config,
    features,
    network,
    randomize,
    read_dense,
)

from mtl_cli.core.errors import ConfigError

FLOW = ["model=shared_bottom", "model.bottom_units=[8]", "model.towers=residual_flow"]


def flow(*overrides, units):
    net = network(*FLOW, f"model.tower_units={units}", *overrides, num_tasks=3)
    randomize(net.logits)
    return net


@pytest.mark.parametrize("units", [[], [6], [6, 5]])
def test_towers_are_the_equations(units):
    net, rows = flow(units=units), features()
    (x,) = read_inputs(net, rows)
    z = mlp(x, read_mlps(net, "bottom")[0])
    names = [f"towers_0_1_2_layer_{i + 1}" for i in range(len(units))]
    layers = [read_mlps(net, name) for name in names]
    last = net.logits.get_layer("towers_0_1_2_logits")
    want, before, logit_before = {}, None, 0
    for t, task in enumerate(TASKS):
        r, outputs = z, []
        for i, layer in enumerate(layers):
            ((kernel, bias),) = layer[t]
            r = relu(r @ kernel + bias)
            r = r if before is None else r + before[i]
            outputs.append(r)
        kernel, bias = to_float64(*read_dense(last, t))
        want[task] = (r @ kernel + bias)[:, 0]
        if task != "rating":  # a regression
            want[task] = logit_before = want[task] + logit_before
        before = outputs
    assert_equal_up_to_rounding(arrays(net.logits(rows)), want)


def test_loss_of_a_task_reaches_the_towers_before_it_only():
    net = flow("model.activation=tanh", units=[6])
    kernel = net.logits.get_layer("towers_0_1_2_layer_1").stack[0].kernel
    for t, task in enumerate(TASKS):
        found = np.split(gradients(net, features(), task)[kernel.path], 3, axis=-1)
        assert [x.any() for x in found] == [s <= t for s in range(3)]


def test_towers_of_other_widths_are_refused():
    widths = "dataset.tasks.never_married.tower_units=[8]"
    message = r"task income has \[32\] and task never_married has \[8\]; remove tower"
    with pytest.raises(ConfigError, match=message):
        config(*FLOW, widths)
