"""The equations of the papers in NumPy, in float64, with the weights of a network."""

import numpy as np
import tensorflow as tf
from helpers.networks import (
    SIZES,
    TASKS,
    dense_layers,
    kernel_position,
    parallel_dense_layers,
    read_dense,
)

from mtl_cli.layers.parallel_norms import ParallelLayerNorm

# The networks compute in float32. The largest rounding error that was seen is 7e-7 of
# the largest value.
TOLERANCE = 1e-5


def assert_equal_up_to_rounding(actual, expected):
    """Compares the outputs of a network with the equations, {name: (rows,)} each."""
    assert actual.keys() == expected.keys()
    for name, value in expected.items():
        assert value.std() > 0.01, f"{name} hardly depends on the input"
        error = np.abs(actual[name] - value).max() / np.abs(value).max()
        assert error < TOLERANCE, f"{name} is {error:.1e} off"


def relu(z):
    return np.maximum(z, 0)


def softmax(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def mlp(x, layers):
    """Applies dense layers with ReLU, [(kernel, bias)]."""
    for kernel, bias in layers:
        x = relu(x @ kernel + bias)
    return x


def gated(x, gate, experts):
    """Returns sum_i g(x)_i e_i, with g(x) = softmax(W_g x) or softmax(W_g mlp(x)).

    Args:
        x: the input of the gate.
        gate: the hidden layers of the gate, and its kernel W_g.
        experts: the output e_i of each expert.
    """
    hidden, kernel = gate
    g = softmax(mlp(x, hidden) @ kernel)
    assert g.shape[1] == len(experts)
    return sum(g[:, [i]] * expert for i, expert in enumerate(experts))


def to_float64(kernel, bias):
    return kernel.astype("float64"), bias.astype("float64")


def read_mlps(net, name):
    """Returns the [(kernel, bias)] of each network in a layer of parallel networks."""
    layer = net.logits.get_layer(name)
    return [
        [to_float64(*read_dense(dense, i)) for dense in dense_layers(layer)]
        for i in range(layer.num)
    ]


def read_gates(net, name):
    """Returns (hidden layers, kernel) of each gate in a layer of gates."""
    layer = net.logits.get_layer(name)
    return [
        (
            [to_float64(*read_dense(dense, i)) for dense in dense_layers(layer.hidden)],
            read_dense(layer.logits, i)[0].astype("float64"),
        )
        for i in range(layer.logits.num)
    ]


def read_inputs(net, rows, num_sets=1):
    """Returns x, the input of the experts: the embeddings, then the dense features.

    Args:
        net: the network.
        rows: the inputs of the network.
        num_sets: the number of sets of embeddings; each set gives one x.
    """
    table = net.logits.get_layer("embedding").table.numpy().astype("float64")
    tables = np.split(table, np.cumsum(list(SIZES.values()))[:-1])
    inputs = []
    for start in range(0, 4 * num_sets, 4):  # the vectors of a set have length 4
        columns = slice(start, start + 4)
        parts = [t[rows["ids"][:, f], columns] for f, t in enumerate(tables)]
        inputs.append(np.concatenate([*parts, rows["dense"]], axis=1))
    return inputs


def scenario_shares(rows):
    """Returns the scenario `hour` of each row, one-hot.

    A row with an unknown hour belongs to all scenarios with equal weights.
    """
    num_hours = SIZES["hour"] - 1  # id 0 is the unknown hour
    table = np.vstack([np.full(num_hours, 1 / num_hours), np.eye(num_hours)])
    return table[rows["ids"][:, [*SIZES].index("hour")]]


def read_normed_mlps(net, name):
    """Returns the [(kernel, bias, gamma, beta)] of each network of a layer."""
    layer = net.logits.get_layer(name)
    norms = [x for x in layer.stack if isinstance(x, ParallelLayerNorm)]
    pairs = list(zip(dense_layers(layer), norms, strict=True))
    return [
        [
            (
                *to_float64(*read_dense(dense, i)),
                *to_float64(norm.gamma.numpy()[i, 0], norm.beta.numpy()[i, 0]),
            )
            for dense, norm in pairs
        ]
        for i in range(layer.num)
    ]


def normed_mlp(x, layers):
    """Layers relu(gamma (v - mean v) / sqrt(var v + 1e-5) + beta), v = x W + b."""
    for kernel, bias, gamma, beta in layers:
        v = x @ kernel + bias
        v = v - v.mean(axis=1, keepdims=True)
        x = relu(gamma * v / np.sqrt((v**2).mean(axis=1, keepdims=True) + 1e-5) + beta)
    return x


def reached_networks(net, name, found):
    """Whether a gradient reaches each network of a layer, for each of its weights."""
    layer = net.logits.get_layer(name)
    kernels = {d.kernel.path: d for d in parallel_dense_layers(layer)}
    reached = {}
    for weight in layer.trainable_weights:
        gradient, dense = found[weight.path], kernels.get(weight.path)
        parts = gradient
        if dense is not None:
            places = [kernel_position(dense, i) for i in range(dense.num)]
            parts = [gradient[group, :, columns] for group, columns in places]
        reached[weight.path] = [bool(part.any()) for part in parts]
    return reached


def read_levels(net, num_levels, num_tasks):
    """Returns the experts and gates of each level of a PLE."""
    levels = []
    for number in range(1, num_levels + 1):
        name = f"level_{number}"
        specific = read_mlps(net, f"{name}_specific_experts")
        per_task = len(specific) // num_tasks
        level = {
            "specific": [
                specific[t * per_task : (t + 1) * per_task] for t in range(num_tasks)
            ],
            "shared": read_mlps(net, f"{name}_shared_experts"),
            "gates": read_gates(net, f"{name}_gates"),
        }
        if number < num_levels:
            level["shared_gate"] = read_gates(net, f"{name}_shared_gate")[0]
        levels.append(level)
    return levels


def through_towers(net, hidden, tower_of):
    """Returns the logit of each task from the input of its tower.

    Args:
        net: the network.
        hidden: the input of each task's tower.
        tower_of: for each task, the name of the layer that holds its tower, and the
            index of the tower in that layer.
    """
    logits = {}
    for task, h, (name, i) in zip(TASKS, hidden, tower_of, strict=False):
        tower = read_mlps(net, name)[i]
        kernel, bias = to_float64(
            *read_dense(net.logits.get_layer(f"{name}_logits"), i)
        )
        logits[task] = (mlp(h, tower) @ kernel + bias)[:, 0]
    return logits


def towers_in_one_layer(num_tasks):
    """Returns `tower_of` for a network whose towers are all in one layer."""
    name = "towers_" + "_".join(map(str, range(num_tasks)))
    return [(name, t) for t in range(num_tasks)]


def gradients(net, rows, task=None):
    """Returns {weight: gradient} of a random weighted sum of logits over all rows.

    Args:
        net: the network.
        rows: the inputs of the network.
        task: the task whose logit is summed; None for the logits of all tasks.
    """
    rng = np.random.default_rng(3)
    with tf.GradientTape() as tape:
        logits = net.logits(rows)
        total = 0.0
        for name in TASKS:
            if name in logits and task in (None, name):
                factors = rng.normal(size=logits[name].shape).astype("float32")
                total += tf.reduce_sum(factors * logits[name])
    weights = net.logits.trainable_weights
    gradient_list = tape.gradient(total, [weight.value for weight in weights])
    return {
        weight.path: np.zeros(weight.shape)
        if gradient is None
        else tf.convert_to_tensor(gradient).numpy()  # embeddings have sparse gradients
        for weight, gradient in zip(weights, gradient_list, strict=True)
    }
