"""M3oE is the equations of its authors' code, for rows of any scenario in a batch."""

import keras
import numpy as np
import pytest
from helpers.commands import refused
from helpers.equations import (
    assert_equal_up_to_rounding,
    gated,
    gradients,
    normed_mlp,
    reached_networks,
    read_inputs,
    read_normed_mlps,
    scenario_shares,
    sigmoid,
    to_float64,
)
from helpers.gate_usage import measure_gate_usage
from helpers.networks import (
    LAYOUT,
    ROWS,
    TASKS,
    arrays,
    config,
    features,
    network,
    randomize,
    read_dense,
)
from helpers.slow import slow_except

from mtl_cli.columns.layout import EmbeddingTable, Layout
from mtl_cli.data.table import Table
from mtl_cli.network.build import build

M3OE = ["model=m3oe", "model.star_units=9", "model.bottom_units=[8,7]"]
M3OE += ["model.num_shared_experts=2", "model.expert_units=[6,5]"]
M3OE += ["model.tower_units=[8]"]
BELOW_EXPERTS = ("embedding/", "star/", "bottom/", "skip/")
SCENARIOS = 3  # of `hour`, whose ids are 1 to 3; id 0 is an unknown hour


def built(*overrides, num_tasks=3):
    net = network(*M3OE, *overrides, num_tasks=num_tasks)
    randomize_all(net)
    return net


def randomize_all(net):
    randomize(net.logits)
    for weight in net.logits.weights:
        if "gamma" in weight.path:  # keeps the size of what passes through the norms
            weight.assign_add(np.ones(weight.shape))


def of_scenario(rows, scenario):
    """The rows, all in one scenario; None makes it unknown."""
    ids = rows["ids"].copy()
    ids[:, 2] = 0 if scenario is None else 1 + scenario
    return rows | {"ids": ids}


def balanced(own, others, balance):
    """b own + (1 - b) times the mean of the others; b own if there are none."""
    mean = sum(others) / len(others) if others else 0.0
    return balance * own + (1 - balance) * mean


class Equations:
    """What a network of M3oE computes, from its weights, for rows of one scenario."""

    def __init__(self, net, rows, num_tasks):
        self.net, self.num_tasks = net, num_tasks
        (self.x,) = read_inputs(net, rows)
        self.star = net.logits.get_layer("star")
        self.num_scenarios = self.star.scenario_kernel.shape[1]
        of_scenarios, of_tasks = (
            net.logits.get_layer(name) for name in ("scenario_weights", "task_weights")
        )
        self.e_d, self.b_d, self.e_t, self.b_t = (
            sigmoid(weight.numpy()[0].astype("float64"))
            for layer in (of_scenarios, of_tasks)
            for weight in (layer.strength, layer.balance)
        )

    def u(self, s):
        kernel, bias = to_float64(*read_dense(self.star.shared, 0))
        own = self.star.scenario_kernel.numpy()[0, s].astype("float64")
        added = self.star.scenario_bias.numpy()[0, s, 0].astype("float64")
        return self.x @ (kernel * own) + bias + added

    def e(self, u):
        deep, skip = (
            read_normed_mlps(self.net, name)[0] for name in ("bottom", "skip")
        )
        assert len(skip) == 1
        return normed_mlp(u, deep) + normed_mlp(self.x, skip)

    def z(self, e, t, s):
        """The hidden vector of task t in scenario s."""
        shared, scenarios, tasks = (
            [normed_mlp(e, layers) for layers in read_normed_mlps(self.net, name)]
            for name in ("shared_experts", "scenario_experts", "specific_experts")
        )
        assert (len(scenarios), len(tasks)) == (self.num_scenarios, self.num_tasks)
        inner = self.net.logits.get_layer("gates").gates
        gate = read_dense(inner.logits, t * self.num_scenarios + s)[0].astype("float64")
        c = balanced(scenarios[s], scenarios[:s] + scenarios[s + 1 :], self.b_d)
        p = balanced(tasks[t], tasks[:t] + tasks[t + 1 :], self.b_t)
        return gated(e, ([], gate), shared) + self.e_d * c + self.e_t * p

    def y(self, z, t, s):
        """The logits of the tower of task t in scenario s."""
        name = "towers_" + "_".join(map(str, range(self.num_tasks)))
        tower = read_normed_mlps(self.net, name)[t * self.num_scenarios + s]
        last = self.net.logits.get_layer(f"{name}_logits")
        kernel, bias = to_float64(*read_dense(last, t * self.num_scenarios + s))
        return (normed_mlp(z, tower) @ kernel + bias)[:, 0]

    def logits(self, s):
        return {
            TASKS[t]: self.y(self.z(self.e(self.u(s)), t, s), t, s)
            for t in range(self.num_tasks)
        }

    def logits_of_unknown(self):
        scenarios = range(self.num_scenarios)
        e = self.e(np.mean([self.u(s) for s in scenarios], axis=0))
        found = {}
        for t in range(self.num_tasks):
            z = np.mean([self.z(e, t, s) for s in scenarios], axis=0)
            found[TASKS[t]] = np.mean([self.y(z, t, s) for s in scenarios], axis=0)
        return found


@pytest.mark.parametrize("num_tasks", slow_except([3], [1, 3]))
def test_rows_of_each_scenario_are_the_equations(num_tasks):
    net, rows = built(num_tasks=num_tasks), features()
    rows["ids"][:, 2] = 1 + np.arange(ROWS) % SCENARIOS  # all in one batch
    by_scenario = [Equations(net, rows, num_tasks).logits(s) for s in range(SCENARIOS)]
    codes = rows["ids"][:, 2] - 1
    want = {
        task: np.choose(codes, [found[task] for found in by_scenario])
        for task in TASKS[:num_tasks]
    }
    assert_equal_up_to_rounding(arrays(net.logits(rows)), want)


@pytest.mark.slow
def test_rows_of_an_unknown_scenario_get_the_means_over_all_scenarios():
    net, rows = built(), of_scenario(features(), None)
    want = Equations(net, rows, 3).logits_of_unknown()
    assert_equal_up_to_rounding(arrays(net.logits(rows)), want)


@pytest.mark.parametrize("num_tasks", slow_except([1], [1, 2]))
def test_a_single_scenario_or_task_has_no_others_and_no_division_by_0(num_tasks):
    layout = Layout(LAYOUT.tables | {"hour": EmbeddingTable(2)}, LAYOUT.blocks)
    tasks = f"tasks=[{','.join(TASKS[:num_tasks])}]"
    net = build(config("encoder.embedding_dim=4", tasks, *M3OE), layout)
    rows = of_scenario(features(), 0)
    randomize_all(net)
    want = Equations(net, rows, num_tasks).logits(0)
    assert_equal_up_to_rounding(arrays(net.logits(rows)), want)


def test_start_is_that_of_the_authors_code():
    """All scenarios share one input; sigmoid(1) of each balance is the own expert's."""
    net = network(*M3OE, num_tasks=3)
    assert (net.logits.get_layer("star").scenario_kernel.numpy() == 1).all()
    own, rows = sigmoid(1.0), features()
    for name, want in (
        ("task_weights", np.eye(3)[:, None] + np.zeros((3, ROWS, 3))),
        ("scenario_weights", scenario_shares(rows)[None]),
    ):
        layer = net.logits.get_layer(name)
        found = keras.Model(net.logits.input, layer.output)(rows).numpy()
        want = own * (want * own + (1 - want) * (1 - own) / 2)
        np.testing.assert_allclose(found, want, 1e-6)


@pytest.mark.slow
def test_gates_do_not_train_what_they_read():
    """With experts that ignore e, only the gates' input could carry a gradient to e."""
    net, rows = built("model.activation=tanh"), features()
    for name in ("task_weights", "scenario_weights"):
        net.logits.get_layer(name).strength.assign([-1e4])  # sigmoid is 0
    kernel = net.logits.get_layer("shared_experts").stack[0].kernel
    kernel.assign(np.zeros(kernel.shape))
    found = gradients(net, rows)
    assert found[net.logits.get_layer("gates").gates.logits.kernel.path].any()
    read = {path: g for path, g in found.items() if path.startswith(BELOW_EXPERTS)}
    assert len(read) == 1 + 4 + 8 + 4 + 2  # factors of features in two layers
    assert not any(g.any() for g in read.values())


def test_rows_of_a_scenario_train_its_own_weights_and_all_experts():
    net = built("model.activation=tanh")
    found = gradients(net, of_scenario(features(), 1))
    star = net.logits.get_layer("star")
    for weight in (star.scenario_kernel, star.scenario_bias):
        moved = [bool(x.any()) for x in np.moveaxis(found[weight.path], 1, 0)]
        assert moved == [False, True, False], weight.path
    for name in ("gates", "towers_0_1_2", "towers_0_1_2_logits"):
        for path, moved in reached_networks(net, name, found).items():
            assert moved == [False, True, False] * 3, path
    for name in ("shared_experts", "scenario_experts", "specific_experts"):
        for path, moved in reached_networks(net, name, found).items():
            assert all(moved), path


@pytest.mark.parametrize(
    ("name", "experts"),
    [
        pytest.param("task_weights", "specific_experts", marks=pytest.mark.slow),
        ("scenario_weights", "scenario_experts"),
    ],
)
def test_experts_of_others_are_reached_through_the_balance_alone(name, experts):
    net, rows = built("model.activation=tanh"), of_scenario(features(), 0)

    def reached():
        found = gradients(net, rows, TASKS[0])
        (moved,) = {*map(tuple, reached_networks(net, experts, found).values())}
        return moved

    assert reached() == (True, True, True)
    net.logits.get_layer(name).balance.assign([1e4])  # sigmoid is 1
    assert reached() == (True, False, False)


@pytest.mark.slow
def test_report_of_gates_has_one_gate_per_task_and_the_weights_of_all_experts():
    net, rows = built(num_tasks=2), of_scenario(features(), 2)
    ones = {task: np.ones(ROWS, "float32") for task in TASKS[:2]}
    usage = measure_gate_usage(
        net,
        config(f"tasks=[{','.join(TASKS[:2])}]", *M3OE),
        Table(rows, labels={}, weights=ones),
    )
    income, married = TASKS[:2]
    scenarios = [f"scenario {s}" for s in (1, 2, 3)]
    assert {
        (gate["level"], gate["task"], *gate["weights"]) for gate in usage["gates"]
    } == {
        *{("", task, "shared 1", "shared 2") for task in TASKS[:2]},
        *{("experts of tasks", task, income, married) for task in TASKS[:2]},
        ("experts of scenarios", None, *scenarios),
    }
    equations = Equations(net, rows, 2)
    for gate in usage["gates"]:
        found = gate["weights"]
        if gate["level"] == "experts of tasks":
            own = equations.e_t * equations.b_t
            other = equations.e_t * (1 - equations.b_t)
            assert found == pytest.approx(
                {t: own if t == gate["task"] else other for t in TASKS[:2]}
            )
        elif gate["level"] == "experts of scenarios":
            other = equations.e_d * (1 - equations.b_d) / 2
            want = [other, other, equations.e_d * equations.b_d]
            assert list(found.values()) == pytest.approx(want)
        else:
            assert sum(found.values()) == pytest.approx(1)


@pytest.mark.slow
@pytest.mark.parametrize("gate", slow_except(["top_k"], ["dselect_k", "top_k"]))
def test_other_gates_are_chosen_by_scenario_too(gate):
    net, rows = built(f"model.gate={gate}", "model.num_shared_experts=4"), features()
    layer = net.logits.get_layer("gates")
    inputs = layer.input[0]
    every, chosen = keras.Model(net.logits.input, [layer.gates(inputs), layer.output])(
        rows
    )
    by_scenario = np.reshape(every, (3, SCENARIOS, ROWS, 4))
    want = np.einsum("tsbe,bs->tbe", by_scenario, scenario_shares(rows))
    np.testing.assert_allclose(chosen, want, 1e-5, 1e-6)
    assert np.ptp(want, axis=1).max() > 0.1


@pytest.mark.parametrize(
    "num_experts", slow_except([3], [3, 4])
)  # both penalties, or the entropy alone
def test_dselect_k_gates_are_penalised_in_rows_of_their_scenario_only(num_experts):
    sizes = [f"model.num_shared_experts={num_experts}", "model.gate_entropy=0.5"]
    net, rows = built("model.gate=dselect_k", *sizes), features()
    layer = net.logits.get_layer("gates")
    x, scenario = keras.Model(net.logits.input, layer.input)(rows)
    layer.gates(x, training=True)
    (of_all_gates,) = (p.numpy() for p in layer.gates.losses)
    by_scenario = []
    for s in range(SCENARIOS):
        in_scenario = np.eye(SCENARIOS, dtype="float32")[[s] * ROWS]
        layer(x, in_scenario, training=True)
        (penalty,) = (p.numpy() for p in layer.losses)
        by_scenario.append(penalty)
    assert np.ptp(by_scenario, axis=0).max() > 0.1
    np.testing.assert_allclose(sum(by_scenario), of_all_gates, 1e-5)
    layer(x, scenario, training=True)  # rows of all scenarios, and of unknown ones
    (penalty,) = (p.numpy() for p in layer.losses)
    want = (np.transpose(by_scenario) * scenario_shares(rows)).sum(axis=1)
    np.testing.assert_allclose(penalty, want, 1e-5)


@pytest.mark.slow
def test_m3oe_without_a_scenario_is_refused_in_one_line(tmp_path):
    code, _, error, _ = refused(tmp_path, "model=m3oe")
    assert code == 2
    assert "dataset.scenario: " in error
    assert (
        "reads the scenario of a row; name the feature that holds the scenario" in error
    )
