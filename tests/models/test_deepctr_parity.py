"""Our networks give DeepCTR 0.9.4's predictions when they have its weights."""

import itertools

import numpy as np
import pytest
from helpers.networks import (
    LAYOUT,
    SIZES,
    TASKS,
    arrays,
    dense_layers,
    features,
    network,
    randomize,
    write_dense,
)
from helpers.slow import covering, slow_except

from mtl_cli.layers import deepctr

# Rounding of float32 in sums of other orders: the largest error seen is 5e-7.
TOLERANCE = 1e-5
EXPERTS, GATES, TOWERS = (16, 8), (6, 5), (8,)

deepctr.import_layers()  # first, so that no import below runs DeepCTR's `__init__`
from deepctr.feature_column import DenseFeat, SparseFeat  # noqa: E402
from deepctr.models.multitask import ESMM, MMOE, PLE, SharedBottom  # noqa: E402


def deepctr_model(model, num_tasks, **sizes):
    """A model of DeepCTR on LAYOUT, with random weights."""
    columns = [
        *(SparseFeat(name, n, 4) for name, n in SIZES.items()),
        *(DenseFeat(f"number_{i}", 1) for i in range(LAYOUT.width("dense"))),
    ]
    theirs = model(
        columns,
        tower_dnn_hidden_units=TOWERS,
        task_types=["binary", "binary", "regression"][:num_tasks],
        task_names=TASKS[:num_tasks],
        **sizes,
    )
    randomize(theirs)
    return theirs


def predict(theirs, rows):
    """DeepCTR's predictions, by task."""
    ids, dense = rows["ids"], rows["dense"]
    inputs = {name: ids[:, [f]] for f, name in enumerate(SIZES)}
    inputs |= {f"number_{i}": dense[:, [i]] for i in range(LAYOUT.width("dense"))}
    outputs = theirs([inputs[tensor.name] for tensor in theirs.inputs])
    return arrays(dict(zip(TASKS, outputs, strict=False)))


def source(tensor):
    """The layer whose output this is, and its input."""
    layer = tensor._keras_history.operation
    return layer, layer.input


def copy_mlp(dnn, mlp, i):
    for layer, kernel, bias in zip(
        dense_layers(mlp), dnn.kernels, dnn.bias, strict=True
    ):
        write_dense(layer, i, kernel.numpy(), bias.numpy())


def copy_experts(theirs, names, experts):
    assert experts.num == len(names)
    for i, name in enumerate(names):
        copy_mlp(theirs.get_layer(name), experts, i)


def copy_gate(theirs, prefix, name, gates, i):
    copy_mlp(theirs.get_layer(f"{prefix}_{name}"), gates.hidden, i)
    softmax = theirs.get_layer(f"{prefix}_softmax_{name}")
    write_dense(gates.logits, i, softmax.kernel.numpy())


def copy_embeddings(theirs, ours):
    tables = [
        theirs.get_layer(f"sparse_emb_{name}").embeddings.numpy() for name in SIZES
    ]
    ours.get_layer("embedding").table.assign(np.concatenate(tables))


def copy_towers(probabilities, ours):
    """Copies each task's tower, found from its output back; returns what they read."""
    name = "towers_" + "_".join(map(str, range(len(probabilities))))
    read = []
    for t, tensor in enumerate(probabilities):
        prediction, logit = source(tensor)
        dense, hidden = source(logit)
        dnn, below = source(hidden)
        copy_mlp(dnn, ours.get_layer(name), t)
        bias = prediction.global_bias.numpy()
        write_dense(ours.get_layer(f"{name}_logits"), t, dense.kernel.numpy(), bias)
        read.append(below)
    return read


def assert_equal_predictions(ours, theirs):
    assert ours.logits.count_params() == theirs.count_params()
    rows = features()
    got, want = arrays(ours.predictions(rows)), predict(theirs, rows)
    for task, prediction in want.items():
        assert prediction.std() > 0.01, f"{task} hardly depends on the input"
        np.testing.assert_allclose(got[task], prediction, rtol=0, atol=TOLERANCE)


def ours_for(model, num_tasks, *sizes):
    settings = [f"model.tower_units={[*TOWERS]}", "model.feature_factors=false", *sizes]
    ours = network(f"model={model}", *settings, num_tasks=num_tasks)
    randomize(ours.logits, seed=1)
    return ours


@pytest.mark.parametrize("num_tasks", slow_except([3], [2, 3]))
def test_shared_bottom_is_deepctrs(num_tasks):
    theirs = deepctr_model(SharedBottom, num_tasks, bottom_dnn_hidden_units=EXPERTS)
    ours = ours_for("shared_bottom", num_tasks, f"model.bottom_units={[*EXPERTS]}")
    copy_embeddings(theirs, ours.logits)
    hidden, *_ = copy_towers(theirs.outputs, ours.logits)
    copy_mlp(source(hidden)[0], ours.logits.get_layer("bottom"), 0)
    assert_equal_predictions(ours, theirs)


def test_esmm_is_deepctrs():
    theirs = deepctr_model(ESMM, 2)
    ours = ours_for("esmm", 2)
    copy_embeddings(theirs, ours.logits)
    product = theirs.get_layer("never_married")
    copy_towers(product.input, ours.logits)
    assert_equal_predictions(ours, theirs)


@pytest.mark.parametrize(("gate_units", "num_tasks"), covering([(), GATES], [2, 3]))
def test_mmoe_is_deepctrs(gate_units, num_tasks):
    theirs = deepctr_model(
        MMOE,
        num_tasks,
        num_experts=3,
        expert_dnn_hidden_units=EXPERTS,
        gate_dnn_hidden_units=gate_units,
    )
    ours = ours_for(
        "mmoe",
        num_tasks,
        "model.num_experts=3",
        f"model.expert_units={[*EXPERTS]}",
        f"model.gate_units={[*gate_units]}",
    )
    copy_embeddings(theirs, ours.logits)
    copy_towers(theirs.outputs, ours.logits)
    experts = [f"expert_{i}" for i in range(3)]
    copy_experts(theirs, experts, ours.logits.get_layer("experts"))
    for t, task in enumerate(TASKS[:num_tasks]):
        copy_gate(theirs, "gate", task, ours.logits.get_layer("gates"), t)
    assert_equal_predictions(ours, theirs)


def copy_level(theirs, ours, level, tasks, last):
    """Copies a level of PLE, which DeepCTR counts from 0 and we from 1."""
    from_, to = f"level_{level - 1}_", f"level_{level}_"
    specific = [f"{from_}task_{t}_expert_specific_{i}" for t in tasks for i in range(2)]
    shared = [f"{from_}expert_shared_{i}" for i in range(3)]
    copy_experts(theirs, specific, ours.get_layer(f"{to}specific_experts"))
    copy_experts(theirs, shared, ours.get_layer(f"{to}shared_experts"))
    for t, task in enumerate(tasks):
        name = f"specific_{task}"
        copy_gate(theirs, f"{from_}gate", name, ours.get_layer(f"{to}gates"), t)
    if not last:
        shared_gate = ours.get_layer(f"{to}shared_gate")
        copy_gate(theirs, f"{from_}gate", "shared", shared_gate, 0)


@pytest.mark.parametrize(
    ("sizes", "gate_units"),
    slow_except(
        [(("cgc", 1, 3), GATES), (("ple", 2, 3), ())],
        itertools.product(
            [("cgc", 1, 2), ("cgc", 1, 3), ("ple", 1, 2), ("ple", 2, 3), ("ple", 3, 2)],
            [(), GATES],
        ),
    ),
)
def test_cgc_and_ple_are_deepctrs(sizes, gate_units):
    model, num_levels, num_tasks = sizes
    theirs = deepctr_model(
        PLE,
        num_tasks,
        num_levels=num_levels,
        specific_expert_num=2,
        shared_expert_num=3,
        expert_dnn_hidden_units=EXPERTS,
        gate_dnn_hidden_units=gate_units,
    )
    levels = [f"model.num_levels={num_levels}"] if model == "ple" else []
    ours = ours_for(
        model,
        num_tasks,
        *levels,
        "model.num_specific_experts=2",
        "model.num_shared_experts=3",
        f"model.expert_units={[*EXPERTS]}",
        f"model.gate_units={[*gate_units]}",
    )
    copy_embeddings(theirs, ours.logits)
    copy_towers(theirs.outputs, ours.logits)
    for level in range(1, num_levels + 1):
        last = level == num_levels
        copy_level(theirs, ours.logits, level, TASKS[:num_tasks], last)
    assert_equal_predictions(ours, theirs)
