"""Pieces of the papers' equations in NumPy, in float64, and the weights they read."""

import numpy as np
import tensorflow as tf
from helpers.networks import (
    SIZES,
    TASKS,
    dense_layers,
    parallel_dense_layers,
    place,
    read_dense,
)

from mtl_cli.layers.parallel import ParallelLayerNorm

# Rounding of float32: the largest error seen is 7e-7 of the largest value.
TOLERANCE = 1e-5


def assert_equal_up_to_rounding(got, want):
    assert got.keys() == want.keys()
    for name, value in want.items():
        assert value.std() > 0.01, f"{name} hardly depends on the input"
        error = np.abs(got[name] - value).max() / np.abs(value).max()
        assert error < TOLERANCE, f"{name} is {error:.1e} off"


def relu(z):
    return np.maximum(z, 0)


def softmax(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def mlp(x, layers):
    for kernel, bias in layers:
        x = relu(x @ kernel + bias)
    return x


def gated(x, gate, experts):
    """sum_i g(x)_i e_i, with g(x) = softmax(W_g x), or softmax(W_g mlp(x))."""
    hidden, kernel = gate
    g = softmax(mlp(x, hidden) @ kernel)
    assert g.shape[1] == len(experts)
    return sum(g[:, [i]] * expert for i, expert in enumerate(experts))


def double(kernel, bias):
    return kernel.astype("float64"), bias.astype("float64")


def read_mlps(net, name):
    layer = net.logits.get_layer(name)
    return [
        [double(*read_dense(dense, i)) for dense in dense_layers(layer)]
        for i in range(layer.num)
    ]


def read_gates(net, name):
    layer = net.logits.get_layer(name)
    return [
        (
            [double(*read_dense(dense, i)) for dense in dense_layers(layer.hidden)],
            read_dense(layer.logits, i)[0].astype("float64"),
        )
        for i in range(layer.logits.num)
    ]


def read_inputs(net, rows, num_sets=1):
    """Each set's embeddings of all features, then the dense features."""
    table = net.logits.get_layer("embedding").table.numpy().astype("float64")
    tables = np.split(table, np.cumsum(list(SIZES.values()))[:-1])
    inputs = []
    for vectors in range(0, 4 * num_sets, 4):  # of length 4
        columns = slice(vectors, vectors + 4)
        parts = [t[rows["ids"][:, f], columns] for f, t in enumerate(tables)]
        inputs.append(np.concatenate([*parts, rows["dense"]], axis=1))
    return inputs


def scenario_shares(rows):
    """The scenario `hour` of each row, one-hot; equal shares if it is unknown."""
    num = SIZES["hour"] - 1  # id 0 is an unknown hour
    table = np.vstack([np.full(num, 1 / num), np.eye(num)])
    return table[rows["ids"][:, [*SIZES].index("hour")]]


def read_normed_mlps(net, name):
    """Kernel, bias, gamma and beta of each layer, for each network."""
    layer = net.logits.get_layer(name)
    norms = [x for x in layer.stack if isinstance(x, ParallelLayerNorm)]
    pairs = list(zip(dense_layers(layer), norms, strict=True))
    return [
        [
            (
                *double(*read_dense(dense, i)),
                *double(norm.gamma.numpy()[i, 0], norm.beta.numpy()[i, 0]),
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
            places = [place(dense, i) for i in range(dense.num)]
            parts = [gradient[group, :, columns] for group, columns in places]
        reached[weight.path] = [bool(part.any()) for part in parts]
    return reached


def read_levels(net, num_levels, num_tasks):
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
    """Logits of the tasks; `tower_of` gives each task's layer and place in it."""
    logits = {}
    for task, h, (name, i) in zip(TASKS, hidden, tower_of, strict=False):
        tower = read_mlps(net, name)[i]
        kernel, bias = double(*read_dense(net.logits.get_layer(f"{name}_logits"), i))
        logits[task] = (mlp(h, tower) @ kernel + bias)[:, 0]
    return logits


def together(num_tasks):
    name = "towers_" + "_".join(map(str, range(num_tasks)))
    return [(name, t) for t in range(num_tasks)]


def gradients(net, rows, task=None):
    """Dense gradients of a random sum over rows of one task's logit, or of all."""
    rng = np.random.default_rng(3)
    with tf.GradientTape() as tape:
        logits = net.logits(rows)
        total = 0.0
        for name in TASKS:
            if name in logits and task in (None, name):
                signs = rng.normal(size=logits[name].shape).astype("float32")
                total += tf.reduce_sum(signs * logits[name])
    weights = net.logits.trainable_weights
    found = tape.gradient(total, [weight.value for weight in weights])
    return {
        weight.path: np.zeros(weight.shape)
        if gradient is None
        else tf.convert_to_tensor(gradient).numpy()
        for weight, gradient in zip(weights, found, strict=True)
    }
