"""DBMTL is its paper's equations on any acyclic graph of tasks."""

import itertools

import keras
import numpy as np
import pytest
from helpers.equations import (
    assert_equal_up_to_rounding,
    gradients,
    mlp,
    read_inputs,
    read_mlps,
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
from helpers.slow import slow_except

from mtl_cli.core.errors import ConfigError

SIZES = ["model=dbmtl", "model.bottom_units=[16,8]", "model.tower_units=[8]"]
SIZES += ["model.relation_units=[6,5]"]
CHAIN = {"never_married": ["income"], "rating": ["never_married"]}
GRAPHS = {
    "null": CHAIN,
    "{}": {},
    "{rating: [income, never_married]}": {"rating": ["income", "never_married"]},
    "{income: [rating], never_married: [rating]}": {
        "income": ["rating"],
        "never_married": ["rating"],
    },
    "{income: [rating, never_married], never_married: [rating]}": {
        "income": ["rating", "never_married"],
        "never_married": ["rating"],
    },
}


def relations(net):
    """The relation network of each task, from the layer that holds it."""
    found = {}
    for layer in net.logits.layers:
        if layer.name.endswith("_relation"):
            numbers = layer.name.split("_")[1:-1]
            mlps = read_mlps(net, layer.name)
            found |= {TASKS[int(n)]: x for n, x in zip(numbers, mlps, strict=True)}
    return found


def equations(net, h, parents):
    """r_t = MLP_rel,t([h_t; r_p]), logit_t = W_t r_t + b_t, by recursion."""
    relation = relations(net)

    def r(task):
        read = [h[task], *(r(parent) for parent in parents.get(task, []))]
        return mlp(np.concatenate(read, axis=1), relation[task])

    layer = net.logits.get_layer("towers_0_1_2_logits")
    logits = {}
    for i, task in enumerate(TASKS):
        kernel, bias = to_float64(*read_dense(layer, i))
        logits[task] = (r(task) @ kernel + bias)[:, 0]
    return logits


@pytest.mark.parametrize("graph", slow_except([*GRAPHS][::2], GRAPHS))
def test_dbmtl_is_its_equations(graph):
    net, rows = network(*SIZES, f"model.parents={graph}", num_tasks=3), features()
    randomize(net.logits)
    (x,) = read_inputs(net, rows)
    (bottom,) = read_mlps(net, "bottom")
    z = mlp(x, bottom)
    towers = read_mlps(net, "towers_0_1_2")
    h = {task: mlp(z, tower) for task, tower in zip(TASKS, towers, strict=True)}
    want = equations(net, h, GRAPHS[graph])
    assert_equal_up_to_rounding(arrays(net.logits(rows)), want)


@pytest.mark.slow
def test_towers_of_dbmtl_stand_on_the_mixtures_of_mmoe():
    settings = ["model=mmoe", "model.towers=dbmtl", "model.tower_units=[8]"]
    net, rows = network(*settings, num_tasks=3), features()
    randomize(net.logits)
    mixture = keras.Model(net.logits.input, net.hidden)
    mixed = mixture(rows).numpy().astype("float64")  # (T, B, H)
    towers = read_mlps(net, "towers_0_1_2")
    h = {t: mlp(mixed[i], towers[i]) for i, t in enumerate(TASKS)}
    got = arrays(net.logits(rows))
    assert_equal_up_to_rounding(got, equations(net, h, CHAIN))


@pytest.mark.parametrize("graph", slow_except([*GRAPHS][::2], GRAPHS))
def test_loss_of_a_task_reaches_the_towers_of_its_ancestors_only(graph):
    settings = [f"model.parents={graph}", "model.activation=tanh"]
    net = network(*SIZES, *settings, num_tasks=3)
    randomize(net.logits)
    parents = GRAPHS[graph]

    def ancestors(task):
        above = [ancestors(parent) for parent in parents.get(task, [])]
        return {task, *itertools.chain(*above)}

    for task in TASKS:
        found = gradients(net, features(), task)
        kernel = net.logits.get_layer("towers_0_1_2").stack[0].kernel
        by_task = np.split(found[kernel.path], 3, axis=-1)
        reached = {t for t, x in zip(TASKS, by_task, strict=True) if x.any()}
        assert reached == ancestors(task)


def test_tasks_without_relations_of_one_shape_are_computed_side_by_side():
    net = network(*SIZES, "model.parents={}", num_tasks=3)
    assert net.logits.get_layer("towers_0_1_2_relation").num == 3
    star = network(*SIZES, "model.parents={rating: [income]}", num_tasks=3)
    assert star.logits.get_layer("towers_0_1_relation").num == 2
    assert star.logits.get_layer("towers_2_relation").num == 1


@pytest.mark.parametrize(
    ("graph", "message"),
    [
        ("{buy: [income]}", "model.parents: no task 'buy' in this run, which has "),
        ("{never_married: [income, income]}", "never_married names a parent twice"),
        ("{income: [incom]}", "no task 'incom' .*; did you mean income?"),
        ("{income: [income]}", "the tasks income -> income form a cycle, from parent"),
        (
            "{income: [never_married], never_married: [income]}",
            "the tasks income -> never_married -> income form a cycle",
        ),
    ],
)
def test_graph_that_is_none_is_refused(graph, message):
    with pytest.raises(ConfigError, match=message):
        config("model=dbmtl", f"model.parents={graph}")


def test_error_about_a_cycle_lists_each_parent_before_its_child():
    graph = "{never_married: [income], rating: [never_married], income: [rating]}"
    with pytest.raises(ConfigError) as refusal:
        network(*SIZES, f"model.parents={graph}", num_tasks=3)
    for parent, child in zip(TASKS, [*TASKS[1:], TASKS[0]], strict=True):
        assert f"{parent} -> {child}" in str(refusal.value)


def test_keys_of_dbmtl_are_refused_by_other_towers():
    with pytest.raises(ConfigError, match=r"only model\.towers=dbmtl uses it; choose"):
        config("model=mmoe", "model.parents={income: [never_married]}")
    with pytest.raises(ConfigError, match=r"only .* uses it; choose"):
        config("model=mmoe", "model.relation_units=[16]")
