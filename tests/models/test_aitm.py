"""AITM is its paper's equations."""

import numpy as np
import pytest
from helpers.equations import (
    assert_equal_up_to_rounding,
    gradients,
    mlp,
    read_inputs,
    read_mlps,
    softmax,
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
)

from mtl_cli.data.table import Table

SIZES = ["model=aitm", "model.bottom_units=[16,8]"]


def aitm(*overrides, num_tasks=3):
    net = network(*SIZES, *overrides, num_tasks=num_tasks)
    randomize(net.logits)
    return net


def equations(x, bottoms, transfers, projections):
    """z_1 = q_1; z_t = sum_u w_u h1(u) over u in {p_{t-1}, q_t}."""
    h1, h2, h3 = projections
    z = [mlp(x, bottoms[0])]
    weights = []
    for bottom, transfer in zip(bottoms[1:], transfers, strict=True):
        q, p = mlp(x, bottom), mlp(z[-1], transfer)
        scores = [
            ((u @ h2) * (u @ h3)).sum(axis=1) / np.sqrt(u.shape[1]) for u in (p, q)
        ]
        w = softmax(np.stack(scores, axis=1))
        z.append(w[:, [0]] * (p @ h1) + w[:, [1]] * (q @ h1))
        weights.append(w)
    return z, weights


def by_equations(net, rows, num_tasks):
    (x,) = read_inputs(net, rows)
    transfers = [read_mlps(net, f"transfers_{t}")[0] for t in range(num_tasks - 1)]
    projections = [None] * 3
    if num_tasks > 1:
        layer = net.logits.get_layer("projections")
        projections = [read_dense(layer, i)[0].astype("float64") for i in range(3)]
    return equations(x, read_mlps(net, "bottoms"), transfers, projections)


@pytest.mark.parametrize("tower_units", ["[]", "[8]"])
@pytest.mark.parametrize("num_tasks", [1, 2, 3])
def test_aitm_is_its_equations(num_tasks, tower_units):
    net = aitm(f"model.tower_units={tower_units}", num_tasks=num_tasks)
    rows = features()
    hidden, _ = by_equations(net, rows, num_tasks)
    want = through_towers(net, hidden, towers_in_one_layer(num_tasks))
    assert_equal_up_to_rounding(arrays(net.logits(rows)), want)


def test_default_head_is_one_dense_layer_as_in_the_paper():
    net = network("model=aitm")
    hidden = [layer.units for layer in net.logits.get_layer("towers_0_1").stack]
    assert hidden == []
    assert config("model=aitm").model.bottom_units == [128, 64, 32]


def test_task_that_gets_no_score_from_the_one_before_reads_its_own_network():
    """With the scores of p at minus infinity, z_t = h1(q_t)."""
    net, rows = aitm(), features()
    for t in range(2):  # p = relu(bias), and <h2(p), h3(p)> is large and negative
        dense = net.logits.get_layer(f"transfers_{t}").stack[0]
        dense.kernel.assign(np.zeros(dense.kernel.shape))
        dense.bias.assign(np.full(dense.bias.shape, 100.0))
    layer = net.logits.get_layer("projections")
    kernel = layer.kernel.numpy()  # (1, k, 3 k)
    kernel[0, :, 16:] = -np.abs(kernel[0, :, 8:16])  # h3 against h2, all of one sign
    kernel[0, :, 8:16] = np.abs(kernel[0, :, 8:16])
    layer.kernel.assign(kernel)
    (x,) = read_inputs(net, rows)
    h1 = read_dense(layer, 0)[0].astype("float64")
    first, *others = [mlp(x, bottom) for bottom in read_mlps(net, "bottoms")]
    want = through_towers(
        net, [first, *(q @ h1 for q in others)], towers_in_one_layer(3)
    )
    assert_equal_up_to_rounding(arrays(net.logits(rows)), want)


def test_loss_of_a_task_reaches_what_the_tasks_before_it_pass_on():
    net, rows = aitm("model.activation=tanh"), features()
    reached = {task: gradients(net, rows, task) for task in TASKS}
    for task, by_path in reached.items():
        for t in range(2):
            path = f"transfers_{t}/parallel_dense"
            found = [g for name, g in by_path.items() if name.startswith(path)]
            assert len(found) == 2
            assert all(g.any() == (TASKS.index(task) > t) for g in found)


def test_gates_json_says_how_much_each_task_reads_the_one_before():
    net, rows = aitm(), features()
    ones = {task: np.ones(len(rows["ids"]), "float32") for task in TASKS}
    third = "+dataset.tasks.rating={label: rating, kind: regression, transform: none}"
    chosen = config(*SIZES, third, f"tasks=[{','.join(TASKS)}]")
    usage = measure_gate_usage(net, chosen, Table(rows, {}, ones))
    _, weights = by_equations(net, rows, 3)
    assert [gate["task"] for gate in usage["gates"]] == TASKS[1:]
    for before, gate, w in zip(TASKS, usage["gates"], weights, strict=False):
        assert list(gate["weights"]) == [before, gate["task"]]
        found = list(gate["weights"].values())
        np.testing.assert_allclose(found, w.mean(axis=0), 0, 1e-6)
