"""STEM is its paper's equations, and stops the gradients that the paper stops."""

import numpy as np
import pytest
from helpers.equations import (
    assert_equal_up_to_rounding,
    gated,
    gradients,
    mlp,
    read_gates,
    read_inputs,
    read_levels,
    read_mlps,
    through_towers,
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
    write_dense,
)
from helpers.slow import covering, slow_except

from mtl_cli.data.table import Table

SIZES = ["model=stem", "model.tower_units=[8]", "model.expert_units=[16,8]"]
SIZES += ["model.num_specific_experts=2", "model.num_shared_experts=3"]


def stem(*overrides, num_tasks=2):
    net = network(*SIZES, *overrides, num_tasks=num_tasks)
    randomize(net.logits)
    return net


def equations(streams, shared, levels):
    """z_t = sum_i g_t(x_t + x_s)_i [experts of all tasks; shared experts]_i."""
    for number, level in enumerate(levels, start=1):
        experts = [
            mlp(x, expert)
            for x, own in zip(streams, level["specific"], strict=True)
            for expert in own
        ] + [mlp(shared, expert) for expert in level["shared"]]
        above = [
            gated(x + shared, gate, experts)
            for x, gate in zip(streams, level["gates"], strict=True)
        ]
        if number < len(levels):
            shared = gated(shared, level["shared_gate"], experts)
        streams = above
    return streams


@pytest.mark.parametrize(
    ("sizes", "num_tasks"),
    covering([(1, "[]"), (1, "[6,5]"), (2, "[6]"), (3, "[]")], [1, 2, 3]),
)
def test_stem_is_its_equations(sizes, num_tasks):
    num_levels, gate_units = sizes
    sizes = [f"model.num_levels={num_levels}", f"model.gate_units={gate_units}"]
    net, rows = stem(*sizes, num_tasks=num_tasks), features()
    *xs, shared = read_inputs(net, rows, num_tasks + 1)
    hidden = equations(xs, shared, read_levels(net, num_levels, num_tasks))
    want = through_towers(net, hidden, towers_in_one_layer(num_tasks))
    assert_equal_up_to_rounding(arrays(net.logits(rows)), want)


@pytest.mark.parametrize("gate_units", slow_except(["[6]"], ["[]", "[6]"]))
def test_loss_of_a_task_reaches_its_own_and_the_shared_vectors_only(gate_units):
    net = stem("model.activation=tanh", f"model.gate_units={gate_units}", num_tasks=3)
    for t, task in enumerate(TASKS):
        found = gradients(net, features(), task)["embedding/table"]
        reached = [x.any() for x in np.split(found, 4, axis=1)]
        # The gate of the task reads x_t + x_s.
        assert reached == [s in (t, 3) for s in range(4)]


def test_gate_learns_from_the_experts_that_it_does_not_train():
    net, rows = stem("model.activation=tanh", "model.gate_units=[]"), features()
    found = gradients(net, rows, "income")
    gate = found[net.logits.get_layer("level_1_gates").logits.kernel.path]
    assert gate.shape == (2, 14, 2 * 2 + 3)  # a gate of each task, over 7 experts
    assert gate[0].any(axis=0).all()
    assert not gate[1].any()


def test_shared_stream_passes_gradients_to_all_experts_below():
    net = stem("model.activation=tanh", "model.num_levels=2")
    found = gradients(net, features(), "income")["embedding/table"]
    assert all(x.any() for x in np.split(found, 3, axis=1))


def test_stem_without_the_vectors_of_tasks_is_mmoe_on_the_shared_vectors():
    net, rows = stem("model.gate_units=[]"), features()
    rows["dense"][:] = 0
    table = net.logits.get_layer("embedding").table
    table.assign(np.concatenate([np.zeros((16, 8)), table.numpy()[:, 8:]], axis=1))
    gates = net.logits.get_layer("level_1_gates").logits
    for t in range(2):  # hardly any weight for the four specific experts
        kernel, _ = read_dense(gates, t)
        kernel[:, :4] = 0
        write_dense(gates, t, kernel)
    for layer in net.logits.get_layer("level_1_specific_experts").stack:
        for weight in layer.weights:
            weight.assign(0 * weight)
    *_, x = read_inputs(net, rows, 3)
    experts = [mlp(x, e) for e in read_mlps(net, "level_1_shared_experts")]
    zeros = [0 * experts[0]] * 4
    gates = read_gates(net, "level_1_gates")
    hidden = [gated(x, gate, zeros + experts) for gate in gates]
    want = through_towers(net, hidden, towers_in_one_layer(2))
    assert_equal_up_to_rounding(arrays(net.logits(rows)), want)


@pytest.mark.slow
def test_report_of_the_gates_says_which_experts_a_gate_does_not_train():
    ones = {task: np.ones(64, "float32") for task in TASKS[:2]}
    overrides = [*SIZES, "model.num_levels=2"]
    usage = measure_gate_usage(
        stem("model.num_levels=2"), config(*overrides), Table(features(), {}, ones)
    )
    a, b = TASKS[:2]
    seen = {(gate["level"], gate["task"]): gate for gate in usage["gates"]}
    names = [f"{a} 1", f"{a} 2", f"{b} 1", f"{b} 2", "shared 1", "shared 2", "shared 3"]
    assert all(list(gate["weights"]) == names for gate in seen.values())
    assert seen[("level_1", a)]["not_trained"] == [f"{b} 1", f"{b} 2"]
    assert seen[("level_2", b)]["not_trained"] == [f"{a} 1", f"{a} 2"]
    assert "not_trained" not in seen[("level_1", None)]
