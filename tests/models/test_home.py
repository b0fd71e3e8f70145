"""HoME is the equations that summaries of its paper give."""

import numpy as np
import pytest
from helpers.equations import (
    assert_equal_up_to_rounding,
    gated,
    gradients,
    mlp,
    read_gates,
    read_inputs,
    sigmoid,
    softmax,
    through_towers,
    to_float64,
    towers_in_one_layer,
)
from helpers.gate_usage import measure_gate_usage
from helpers.networks import (
    ROWS,
    TASKS,
    arrays,
    config,
    features,
    network,
    randomize,
    read_dense,
)
from helpers.slow import covering

from mtl_cli.core.errors import ConfigError
from mtl_cli.data.table import Table

GROUPS = {"a": ["rating"], "b": ["income", "never_married"]}
SIZES = ["model=home", "model.tower_units=[8]", "model.expert_units=[16,8]"]
SIZES += ["model.groups={a: [rating], b: [income, never_married]}"]
NUM = {"specific": 2, "group": 3, "shared": 1}


def home(*overrides, numbers=NUM, num_tasks=3):
    counts = [f"model.num_{kind}_experts={n}" for kind, n in numbers.items()]
    net = network(*SIZES, *counts, *overrides, num_tasks=num_tasks)
    randomize(net.logits)
    return net


def swish(z):
    return z * sigmoid(z)


class Reader:
    """What the layers of one network compute, from their weights."""

    def __init__(self, net):
        self.layers = {layer.name: layer for layer in net.logits.layers}
        self.net = net

    def factors(self, name, i, v):
        """sum_l softmax(v W)_l 2 sigmoid(v B_l A_l); 1 without feature gates."""
        if name not in self.layers:
            return 1.0
        layer = self.layers[name]
        ends = np.cumsum(layer.widths)[:-1]
        w, *b = np.split(self.kernel(layer.down, i), ends, axis=1)
        shares = softmax(v @ w)
        return sum(
            shares[:, [n]] * 2 * sigmoid(v @ down @ self.kernel(up, i))
            for n, (down, up) in enumerate(zip(b, layer.up, strict=True))
        )

    def kernel(self, dense, i):
        return read_dense(dense, i)[0].astype("float64")

    def experts(self, level, kind, owner, v):
        """swish(BN(mlp(v * F(v)))) for each expert of an owner."""
        num = NUM_OF[kind]
        v = v * self.factors(f"{level}_feature_{kind}_gates", owner, v)
        layer = self.layers[f"{level}_{kind}_experts"]
        first, _, last, norm, *_ = layer.stack
        weights = [w.numpy().astype("float64") for w in norm.weights]
        gamma, beta, mean, variance, _ = (w.reshape(layer.num, -1) for w in weights)
        outputs = []
        for i in range(owner * num, (owner + 1) * num):
            hidden = mlp(v, [to_float64(*read_dense(first, i))])
            kernel, bias = to_float64(*read_dense(last, i))
            z = hidden @ kernel + bias
            z = (z - mean[i]) / np.sqrt(variance[i] + 1e-3)
            outputs.append(swish(gamma[i] * z + beta[i]))
        return outputs

    def own(self, name, i, v, experts):
        """The self-gate: softmax, or a sigmoid over one expert; 0 without it."""
        if name not in self.layers:
            return 0.0
        if len(experts) > 1:
            return gated(v, read_gates(self.net, name)[i], experts)
        layer = self.layers[name]
        kernel, bias = to_float64(*read_dense(layer.factors, i))
        return sigmoid(v @ kernel + bias) * experts[0]


NUM_OF = dict(NUM)


def equations(net, x):
    read = Reader(net)
    gates = {name: read_gates(net, name) for name in read.layers if name in PLAIN}
    shared = read.experts("level_1", "shared", 0, x)
    own = {k: read.experts("level_1", "group", i, x) for i, k in enumerate(GROUPS)}
    stream = {
        k: gated(x, gates["level_1_group_gates"][i], own[k] + shared)
        + read.own("level_1_self_gates", i, x, own[k])
        for i, k in enumerate(GROUPS)
    }
    everything = [expert for k in GROUPS for expert in own[k]] + shared
    v_s = gated(x, gates["level_1_shared_gate"][0], everything)
    shared = read.experts("level_2", "shared", 0, v_s)
    hidden = []
    for t, task in enumerate(TASKS):
        (g,) = [i for i, k in enumerate(GROUPS) if task in GROUPS[k]]
        u = np.concatenate([stream[[*GROUPS][g]], v_s], axis=1)
        own = read.experts("level_2", "specific", t, u)
        of_group = read.experts("level_2", "group", g, u)
        z = gated(u, gates["level_2_gates"][t], own + of_group + shared)
        hidden.append(z + read.own("level_2_self_gates", t, u, own))
    return hidden


PLAIN = ["level_1_group_gates", "level_1_shared_gate", "level_2_gates"]


@pytest.mark.parametrize(
    ("keys", "one_expert"),
    covering(
        [
            ["model.feature_gate_ranks=[4,3]"],
            ["model.feature_gate_ranks=[4]"],
            ["model.feature_gate_ranks=[]", "model.self_gates=false"],
        ],
        [False, True],
    ),
)
def test_home_is_its_equations(keys, one_expert, monkeypatch):
    if one_expert:
        for kind in NUM:
            monkeypatch.setitem(NUM_OF, kind, 1)
    net, rows = home(*keys, numbers=NUM_OF), features()
    (x,) = read_inputs(net, rows)
    want = through_towers(net, equations(net, x), towers_in_one_layer(3))
    assert_equal_up_to_rounding(arrays(net.logits(rows)), want)


@pytest.mark.slow
def test_loss_of_a_task_reaches_no_experts_of_other_groups_in_the_second_level():
    net = home("model.activation=tanh")
    found = gradients(net, features(), "rating")
    for kind, own in (("group", slice(0, 3)), ("specific", slice(4, 6))):
        dense = net.logits.get_layer(f"level_2_{kind}_experts").stack[0]
        reached = found[dense.bias.path].any(axis=(1, 2))
        assert reached[own].all()
        assert reached.sum() == own.stop - own.start
    dense = net.logits.get_layer("level_1_group_experts").stack[0]
    assert found[dense.bias.path].any(axis=(1, 2)).all()  # by the shared stream


def test_all_tasks_are_one_group_unless_groups_are_named():
    net = network("model=home", "model.num_group_experts=3", num_tasks=3)
    assert net.logits.get_layer("level_2_group_experts").num == 3
    assert home().logits.get_layer("level_2_group_experts").num == 2 * 3


@pytest.mark.slow
def test_report_tells_a_group_from_the_task_of_the_same_name():
    tasks = TASKS[:2]
    settings = ["model=home", "model.groups={income: [income, never_married]}"]
    settings += [f"model.num_{kind}_experts=1" for kind in NUM]
    ones = {task: np.ones(ROWS) for task in tasks}
    table = Table(features(), {}, ones)
    chosen = config(*settings, f"tasks=[{','.join(tasks)}]")
    usage = measure_gate_usage(network(*settings), chosen, table)
    by_gate = {(gate["level"], gate["task"]): gate for gate in usage["gates"]}
    weights = by_gate["level_2", "income"]["weights"]
    assert list(weights) == ["income 1", "group income 1", "shared 1"]
    assert sum(weights.values()) == pytest.approx(1)


@pytest.mark.parametrize(
    "groups",
    [
        "{a: [incom]}",
        "{a: [income]}",
        "{a: [income, never_married], b: [income]}",
        "{a: [income, income, never_married]}",
        "{a: [income, never_married], b: []}",
        "{shared: [income, never_married]}",
    ],
)
def test_groups_that_do_not_divide_the_tasks_are_refused(groups):
    message = (
        r"model\.groups: the groups .* do not hold each of the tasks income, never"
    )
    with pytest.raises(ConfigError, match=message):
        config("model=home", f"model.groups={groups}")
