"""AdaTT is its paper's equations."""

import itertools

import numpy as np
import pytest
from helpers.equations import (
    assert_equal_up_to_rounding,
    gated,
    gradients,
    mlp,
    read_gates,
    read_inputs,
    read_mlps,
    softmax,
    through_towers,
    towers_in_one_layer,
)
from helpers.gate_usage import measure_gate_usage
from helpers.networks import TASKS, arrays, config, features, network, randomize
from helpers.slow import slow_except

from mtl_cli.core.errors import ConfigError
from mtl_cli.data.table import Table

SIZES = ["model=adatt", "model.tower_units=[8]", "model.expert_units=[16,8]"]


def adatt(*overrides, num_tasks=3, num_specific=2, num_shared=1):
    sizes = [f"model.num_specific_experts={num_specific}"]
    sizes += [f"model.num_shared_experts={num_shared}"]
    net = network(*SIZES, *sizes, *overrides, num_tasks=num_tasks)
    randomize(net.logits)
    return net


def native(net, name, num_units):
    """The native weights of each unit; 1 where each unit has one expert."""
    names = [layer.name for layer in net.logits.layers]
    if name not in names:
        return np.ones((num_units, 1))
    return net.logits.get_layer(name).variable.numpy().astype("float64")


def equations(net, x, num_levels, num_tasks):
    """x_u^j = g_u^j(x_u^{j-1}) E^j + v_u^j E_u^j, for each task and the shared unit."""
    names = {layer.name for layer in net.logits.layers}
    streams, shared = [x] * num_tasks, x
    for number in range(1, num_levels + 1):
        name = f"level_{number}"
        own = [[] for _ in range(num_tasks)]
        if f"{name}_specific_experts" in names:
            specific = read_mlps(net, f"{name}_specific_experts")
            each = len(specific) // num_tasks
            for i, expert in enumerate(specific):
                own[i // each].append(mlp(streams[i // each], expert))
        of_shared = []
        if f"{name}_shared_experts" in names:
            of_shared = [
                mlp(shared, expert)
                for expert in read_mlps(net, f"{name}_shared_experts")
            ]
        everything = [e for experts in own for e in experts] + of_shared
        v = native(net, f"{name}_native_weights", num_tasks)
        above = []
        for t, gate in enumerate(read_gates(net, f"{name}_gates")):
            fused = gated(streams[t], gate, everything)
            above.append(fused + sum(w * e for w, e in zip(v[t], own[t], strict=False)))
        if of_shared and number < num_levels:
            (gate,) = read_gates(net, f"{name}_shared_gate")
            (v_s,) = native(net, f"{name}_shared_native_weights", 1)
            fused = gated(shared, gate, everything)
            shared = fused + sum(w * e for w, e in zip(v_s, of_shared, strict=True))
        streams = above
    return streams


@pytest.mark.parametrize(
    ("experts", "sizes"),
    slow_except(
        [((2, 1), (3, 3)), ((3, 0), (1, 3)), ((0, 2), (3, 1))],
        itertools.product(
            [(2, 1), (1, 1), (1, 0), (3, 0), (1, 2), (0, 2)],
            [(3, 3), (1, 1), (3, 1), (1, 3)],
        ),
    ),
)
def test_adatt_is_its_equations(experts, sizes):
    num_specific, num_shared = experts
    num_levels, num_tasks = sizes
    net = adatt(
        f"model.num_levels={num_levels}",
        "model.gate_units=[6]",
        num_tasks=num_tasks,
        num_specific=num_specific,
        num_shared=num_shared,
    )
    rows = features()
    (x,) = read_inputs(net, rows)
    hidden = equations(net, x, num_levels, num_tasks)
    want = through_towers(net, hidden, towers_in_one_layer(num_tasks))
    assert_equal_up_to_rounding(arrays(net.logits(rows)), want)


def test_shared_experts_alone_in_one_level_are_mmoe():
    net = adatt("model.num_levels=1", num_specific=0, num_shared=3)
    sizes = [
        "model.num_experts=3",
        "model.tower_units=[8]",
        "model.expert_units=[16,8]",
    ]
    mmoe = network("model=mmoe", *sizes, num_tasks=3)
    renamed = {"experts": "level_1_shared_experts", "gates": "level_1_gates"}
    for layer in mmoe.logits.layers:
        if layer.weights:
            name = renamed.get(layer.name, layer.name)
            layer.set_weights(net.logits.get_layer(name).get_weights())
    rows = features()
    expected = arrays(mmoe.logits(rows))
    for task, y in arrays(net.logits(rows)).items():
        np.testing.assert_array_equal(y, expected[task])


@pytest.mark.slow
def test_native_weights_start_uniform_and_only_where_a_unit_has_several_experts():
    sizes = ["model.num_specific_experts=16", "model.num_shared_experts=1"]
    net = network(*SIZES, *sizes, num_tasks=3)
    for level in (1, 2):
        v = net.logits.get_layer(f"level_{level}_native_weights").variable.numpy()
        assert v.shape == (3, 16)
        assert 0.2 < np.abs(v).max() < 0.25  # the square root of 1 / 16
        assert v.min() < 0 < v.max()
    single = adatt(num_specific=1, num_shared=1)
    assert not [x for x in single.logits.layers if "native" in x.name]
    for name in ("level_1_gates", "level_1_shared_gate"):
        for route in single.logits.get_layer(name).routes:
            added = [e.owner for e in route.experts if e.always_added]
            assert added == [route.owner]


def test_loss_of_a_task_leaves_other_tasks_native_weights_of_the_last_level():
    net, rows = adatt("model.activation=tanh"), features()
    for owner, task in enumerate(TASKS):
        found = gradients(net, rows, task)["level_2_native_weights/weights"]
        assert found[owner].all()
        assert not np.delete(found, owner, axis=0).any()


@pytest.mark.slow
def test_gates_json_names_all_experts_and_the_native_weights():
    net, rows = adatt(), features()
    ones = {task: np.ones(len(rows["ids"]), "float32") for task in TASKS}
    third = "+dataset.tasks.rating={label: rating, kind: regression, transform: none}"
    chosen = config(*SIZES, third, f"tasks=[{','.join(TASKS)}]")
    usage = measure_gate_usage(net, chosen, Table(rows, {}, ones))
    gates = {(g["level"], g["task"]): g["weights"] for g in usage["gates"]}
    names = [f"{task} {i}" for task in TASKS for i in (1, 2)] + ["shared 1"]
    assert list(gates["level_1", "income"]) == names
    assert list(gates["level_1 shared", None]) == names
    assert ("level_2 shared", None) not in gates
    v = net.logits.get_layer("level_2_native_weights").variable.numpy()
    own = gates["level_2 native", "rating"]
    assert list(own) == ["rating 1", "rating 2"]
    np.testing.assert_allclose(list(own.values()), v[2], 1e-6)
    (x,) = read_inputs(net, rows)
    _, kernel = read_gates(net, "level_1_gates")[0]
    mean = softmax(x @ kernel).mean(axis=0)
    np.testing.assert_allclose(list(gates["level_1", "income"].values()), mean, 1e-5)


def test_no_experts_at_all_are_refused():
    sizes = ["model.num_specific_experts=0", "model.num_shared_experts=0"]
    with pytest.raises(ConfigError, match="num_specific_experts: there are no experts"):
        config("model=adatt", *sizes)
