"""Every sharing scheme is its paper's equations, read again in NumPy, in float64."""

import itertools
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from helpers.equations import (
    TOLERANCE,
    assert_equal_up_to_rounding,
    gated,
    gradients,
    mlp,
    read_gates,
    read_inputs,
    read_levels,
    read_mlps,
    sigmoid,
    through_towers,
    towers_in_one_layer,
)
from helpers.networks import (
    ENCODERS,
    MODELS,
    TASKS,
    arrays,
    dense_layers,
    features,
    kernel_position,
    network,
    parallel_dense_layers,
    randomize,
    read_dense,
    write_dense,
)
from helpers.slow import covering, slow_except

from mtl_cli.layers import FusedEmbedding, Mix, deepctr

SCHEMES = {
    "single_task": ["model.bottom_units=[16,8]"],
    "shared_bottom": ["model.bottom_units=[16,8]"],
    "omoe": ["model.num_experts=3", "model.expert_units=[16,8]"],
    "mmoe": ["model.num_experts=3", "model.expert_units=[16,8]"],
    "cgc": [
        "model.num_specific_experts=2",
        "model.num_shared_experts=3",
        "model.expert_units=[16,8]",
    ],
    "ple": [
        "model.num_specific_experts=2",
        "model.num_shared_experts=3",
        "model.expert_units=[16,8]",
    ],
    "esmm": ["model.tower_units=[8]"],
}
GATED = ["omoe", "mmoe", "cgc", "ple"]


def test_every_model_has_its_equations():
    files = Path(__file__).parent.glob("test_*.py")
    assert {*MODELS} <= {*SCHEMES} | {file.stem.removeprefix("test_") for file in files}


def scheme(name, *overrides, num_tasks=2):
    sizes = [f"model={name}", "model.tower_units=[8]", *SCHEMES[name]]
    return network(*sizes, *overrides, num_tasks=num_tasks)


# The equations. A network is the list of its layers (kernel, bias); x is (rows, dim).


def single_task_equations(xs, bottoms):
    """Task t: h_t(f_t(x_t)), x_t by embeddings of its own."""
    return [mlp(x, bottom) for x, bottom in zip(xs, bottoms, strict=True)]


def shared_bottom_equations(x, bottom, num_tasks):
    """y_t = h_t(f(x))."""
    return [mlp(x, bottom)] * num_tasks


def omoe_equations(x, experts, gate, num_tasks):
    """y_t = h_t(sum_i g(x)_i f_i(x))."""
    return [gated(x, gate, [mlp(x, expert) for expert in experts])] * num_tasks


def mmoe_equations(x, experts, gates):
    """y_t = h_t(sum_i g_t(x)_i f_i(x))."""
    return [gated(x, gate, [mlp(x, expert) for expert in experts]) for gate in gates]


def cgc_equations(x, specific, shared, gates):
    """g_t(x) = w_t(x) S_t(x), S_t = [experts of t; shared experts]."""
    hidden = []
    for own, gate in zip(specific, gates, strict=True):
        selected = [mlp(x, expert) for expert in own + shared]
        hidden.append(gated(x, gate, selected))
    return hidden


def ple_equations(x, levels, num_tasks):
    """g_t,j(x) = w_t,j(g_t,j-1(x)) S_t,j(x), and so for the shared stream s."""
    tasks = range(num_tasks)
    stream = {t: x for t in tasks} | {"s": x}
    for number, level in enumerate(levels, start=1):
        shared = [mlp(stream["s"], expert) for expert in level["shared"]]
        own = {
            t: [mlp(stream[t], expert) for expert in level["specific"][t]]
            for t in tasks
        }
        above = {t: gated(stream[t], level["gates"][t], own[t] + shared) for t in tasks}
        if number < len(levels):
            everything = [expert for t in tasks for expert in own[t]] + shared
            above["s"] = gated(stream["s"], level["shared_gate"], everything)
        stream = above
    return [stream[t] for t in tasks]


def hidden_by_equations(name, net, rows, num_tasks, num_levels=2):
    """What the towers read."""
    if name == "single_task":
        xs = read_inputs(net, rows, num_tasks)
        return single_task_equations(xs, read_mlps(net, "bottoms"))
    (x,) = read_inputs(net, rows)
    if name == "shared_bottom":
        return shared_bottom_equations(x, read_mlps(net, "bottom")[0], num_tasks)
    if name == "omoe":
        (gate,) = read_gates(net, "gate")
        return omoe_equations(x, read_mlps(net, "experts"), gate, num_tasks)
    if name == "mmoe":
        return mmoe_equations(x, read_mlps(net, "experts"), read_gates(net, "gates"))
    if name == "cgc":
        (level,) = read_levels(net, 1, num_tasks)
        return cgc_equations(x, level["specific"], level["shared"], level["gates"])
    if name == "ple":
        return ple_equations(x, read_levels(net, num_levels, num_tasks), num_tasks)
    return [x] * num_tasks  # esmm


@pytest.mark.parametrize("num_tasks", [1, 2, 3])
@pytest.mark.parametrize("name", ["single_task", "shared_bottom"])
def test_scheme_without_gates_is_its_equations(name, num_tasks):
    net, rows = scheme(name, num_tasks=num_tasks), features()
    randomize(net.logits)
    hidden = hidden_by_equations(name, net, rows, num_tasks)
    want = through_towers(net, hidden, towers_in_one_layer(num_tasks))
    assert_equal_up_to_rounding(arrays(net.logits(rows)), want)


@pytest.mark.parametrize(
    ("name", "gate_units", "num_tasks"),
    covering(["omoe", "mmoe", "cgc"], ["[]", "[6]", "[6,5]"], [1, 2, 3]),
)
def test_scheme_with_gates_is_its_equations(name, gate_units, num_tasks):
    net = scheme(name, f"model.gate_units={gate_units}", num_tasks=num_tasks)
    rows = features()
    randomize(net.logits)
    hidden = hidden_by_equations(name, net, rows, num_tasks)
    want = through_towers(net, hidden, towers_in_one_layer(num_tasks))
    assert_equal_up_to_rounding(arrays(net.logits(rows)), want)


@pytest.mark.parametrize(
    ("num_levels", "gate_units", "num_tasks"),
    covering([2, 3], ["[]", "[6]"], [1, 3, 2]),
)
def test_ple_is_its_equations(num_levels, gate_units, num_tasks):
    sizes = [f"model.num_levels={num_levels}", f"model.gate_units={gate_units}"]
    net, rows = scheme("ple", *sizes, num_tasks=num_tasks), features()
    randomize(net.logits)
    hidden = hidden_by_equations("ple", net, rows, num_tasks, num_levels)
    want = through_towers(net, hidden, towers_in_one_layer(num_tasks))
    assert_equal_up_to_rounding(arrays(net.logits(rows)), want)


@pytest.mark.parametrize("name", ["single_task", "shared_bottom", "mmoe"])
def test_task_with_a_tower_of_its_own_keeps_its_place(name):
    own = "dataset.tasks.never_married.tower_units=[6,5]"
    net, rows = scheme(name, own, num_tasks=3), features()
    randomize(net.logits)
    hidden = hidden_by_equations(name, net, rows, 3)
    towers = [("towers_0_2", 0), ("towers_1", 0), ("towers_0_2", 1)]
    want = through_towers(net, hidden, towers)
    assert_equal_up_to_rounding(arrays(net.logits(rows)), want)


def test_predictions_are_sigmoids_of_binary_logits_and_plain_regressions():
    net, rows = scheme("shared_bottom", num_tasks=3), features()
    randomize(net.logits)
    logits = arrays(net.logits(rows))
    want = {
        "income": sigmoid(logits["income"]),
        "never_married": sigmoid(logits["never_married"]),
        "rating": logits["rating"],
    }
    assert_equal_up_to_rounding(arrays(net.predictions(rows)), want)


# ESMM's heads.


@pytest.mark.parametrize("name", slow_except(["esmm"], ["esmm", "mmoe", "ple"]))
@pytest.mark.parametrize(
    ("click", "conversion"), [("income", "never_married"), ("never_married", "income")]
)
def test_esmm_multiplies_the_towers_probabilities(name, click, conversion):
    funnel = [f"model.click_task={click}", f"model.conversion_task={conversion}"]
    net = scheme(name, "model.heads=esmm", *funnel, num_tasks=3)
    rows = features()
    randomize(net.logits)
    hidden = hidden_by_equations(name, net, rows, 3)
    tower = through_towers(net, hidden, towers_in_one_layer(3))
    click_rate, conversion_rate = sigmoid(tower[click]), sigmoid(tower[conversion])
    got = arrays(net.predictions(rows))
    want = {
        click: click_rate,
        conversion: click_rate * conversion_rate,
        f"{conversion}_given_{click}": conversion_rate,
    }
    for output, probability in want.items():
        np.testing.assert_allclose(got[output], probability, rtol=0, atol=1e-6)
    rating = {"rating": tower["rating"]}
    assert_equal_up_to_rounding({"rating": got["rating"]}, rating)
    assert got.keys() == {*want, "rating"}


# Identities, weights copied. "Bit by bit" where both sides run the same operations; "up
# to rounding" where they batch them otherwise, though here they differ by 0 as well.


def copy_weights(source, target, renamed=()):
    """Copies network by network, layers by their (new) names, one to all if it is one.

    Where networks that read one input are copied to ones that read an input each, or
    the other way round, the same kernels lie in another order.
    """
    for layer in source.logits.layers:
        name = dict(renamed).get(layer.name, layer.name)
        parallel = parallel_dense_layers(layer)
        if layer.weights and not parallel:
            target.logits.get_layer(name).set_weights(layer.get_weights())
        for dense in parallel:
            others = parallel_dense_layers(target.logits.get_layer(name))
            other = others[parallel.index(dense)]
            for i in range(other.num):
                write_dense(other, i, *read_dense(dense, i % dense.num))


def pair_with_copied_weights(source, target, renamed=()):
    randomize(source.logits, seed=1)
    randomize(target.logits, seed=2)
    copy_weights(source, target, renamed)
    rows = features()
    return arrays(source.logits(rows)), arrays(target.logits(rows))


def assert_same_bits(got, want):
    assert got.keys() == want.keys()
    for name in want:
        np.testing.assert_array_equal(got[name], want[name])


@pytest.mark.parametrize("gate_units", slow_except(["[6]"], ["[]", "[6]"]))
def test_cgc_is_ple_with_one_level_bit_by_bit(gate_units):
    gate = f"model.gate_units={gate_units}"
    cgc = scheme("cgc", gate, num_tasks=3)
    ple = scheme("ple", gate, "model.num_levels=1", num_tasks=3)
    assert_same_bits(*pair_with_copied_weights(cgc, ple))


@pytest.mark.parametrize("gate_units", slow_except(["[6]"], ["[]", "[6]"]))
def test_mmoe_is_ple_with_one_level_of_shared_experts_bit_by_bit(gate_units):
    gate = f"model.gate_units={gate_units}"
    mmoe = scheme("mmoe", gate, num_tasks=3)
    only_shared = ["model.num_levels=1", "model.num_specific_experts=0"]
    ple = scheme("ple", gate, *only_shared, num_tasks=3)
    renamed = {"experts": "level_1_shared_experts", "gates": "level_1_gates"}
    assert_same_bits(*pair_with_copied_weights(mmoe, ple, renamed))


@pytest.mark.slow
@pytest.mark.parametrize("gate_units", slow_except(["[6]"], ["[]", "[6]"]))
def test_omoe_is_mmoe_with_tied_gates_up_to_rounding(gate_units):
    gate = f"model.gate_units={gate_units}"
    omoe, mmoe = (scheme(name, gate, num_tasks=3) for name in ("omoe", "mmoe"))
    got, want = pair_with_copied_weights(omoe, mmoe, {"gate": "gates"})
    assert_equal_up_to_rounding(got, want)


def test_shared_bottom_is_mmoe_with_one_expert_up_to_rounding():
    bottom = scheme("shared_bottom", num_tasks=3)
    mmoe = scheme("mmoe", "model.num_experts=1", num_tasks=3)
    got, want = pair_with_copied_weights(bottom, mmoe, {"bottom": "experts"})
    assert_equal_up_to_rounding(got, want)


@pytest.mark.parametrize("encoder", slow_except(["embedding", "deepfm"], ENCODERS))
def test_single_task_is_shared_bottom_with_one_task_bit_by_bit(encoder):
    options = [f"encoder={encoder}", "encoder.deep_units=[6]"]
    single = scheme("single_task", *options, num_tasks=1)
    bottom = scheme("shared_bottom", *options, num_tasks=1)
    randomize(single.logits)
    bottom.logits.set_weights(single.logits.get_weights())
    rows = features()
    assert_same_bits(arrays(single.logits(rows)), arrays(bottom.logits(rows)))


@pytest.mark.slow
def test_single_tasks_are_shared_bottoms_trained_apart_up_to_rounding():
    single, rows = scheme("single_task", num_tasks=3), features()
    randomize(single.logits)
    got = arrays(single.logits(rows))
    for t, task in enumerate(TASKS):
        alone = scheme("shared_bottom", f"tasks=[{task}]", num_tasks=3)
        table = single.logits.get_layer("embedding").table.numpy()
        alone.logits.get_layer("embedding").set_weights([table[:, 4 * t : 4 * t + 4]])
        for ours, theirs in [("bottoms", "bottom"), ("towers_0_1_2", "towers_0")]:
            pairs = zip(
                dense_layers(single.logits.get_layer(ours)),
                dense_layers(alone.logits.get_layer(theirs)),
                strict=True,
            )
            for source, target in pairs:
                write_dense(target, 0, *read_dense(source, t))
        source = single.logits.get_layer("towers_0_1_2_logits")
        target = alone.logits.get_layer("towers_0_logits")
        write_dense(target, 0, *read_dense(source, t))
        assert_equal_up_to_rounding({task: got[task]}, arrays(alone.logits(rows)))


# What reads what.


def test_gate_of_task_ignores_other_tasks_experts():
    net, rows = scheme("cgc", num_tasks=2), features()
    randomize(net.logits)
    before = arrays(net.logits(rows))
    experts = dense_layers(net.logits.get_layer("level_1_specific_experts"))
    rng = np.random.default_rng(4)
    for dense in experts:
        for i in (2, 3):  # of the second task
            kernel, bias = read_dense(dense, i)
            noise = rng.normal(size=kernel.shape)
            write_dense(dense, i, kernel + noise, bias + noise[0])
    after = arrays(net.logits(rows))
    np.testing.assert_array_equal(after["income"], before["income"])
    assert np.abs(after["never_married"] - before["never_married"]).max() > 0.1

    by_path = gradients(net, rows, "income")
    for dense in experts:
        kernels, biases = by_path[dense.kernel.path], by_path[dense.bias.path]
        for i in range(4):
            group, columns = kernel_position(dense, i)
            own = i in (0, 1)
            assert kernels[group, :, columns].any() == own
            assert biases[i].any() == own


@pytest.mark.parametrize("encoder", slow_except(["embedding", "deepfm"], ENCODERS))
def test_single_tasks_share_nothing(encoder):
    options = [f"encoder={encoder}", "encoder.deep_units=[6]"]
    net, rows = scheme("single_task", *options), features()
    randomize(net.logits)
    of_income = gradients(net, rows, "income")
    of_marriage = gradients(net, rows, "never_married")
    for path, gradient in of_income.items():
        assert gradient.any() or of_marriage[path].any(), path
        assert not (gradient * of_marriage[path]).any(), f"{path} serves both tasks"


# tanh has slope everywhere, so that every single number of a weight has a gradient.


@pytest.mark.parametrize(
    ("name", "gate_units"),
    slow_except(
        [("ple", "[6]")],
        [(name, "[]") for name in SCHEMES] + [(name, "[6]") for name in GATED],
    ),
)
def test_gradient_reaches_every_weight(name, gate_units):
    gate = [f"model.gate_units={gate_units}"] if name in GATED else []
    levels = ["model.num_levels=3"] if name == "ple" else []
    options = ["model.activation=tanh", "encoder.deep_units=[6]"]
    net, rows = scheme(name, *gate, *levels, *options, num_tasks=3), features()
    rows["ids"][rows["ids"][:, 0] == 3, 0] = 0
    randomize(net.logits)
    for path, gradient in gradients(net, rows).items():
        if path == "embedding/table":
            reached = gradient.any(axis=1)
            assert not reached[3], "the batch does not hold this id"
            gradient = np.delete(gradient, 3, axis=0)
        assert gradient.all(), f"{path}: {(gradient == 0).sum()} of {gradient.size}"


@pytest.mark.parametrize("units", [1, 12, 48, 64])
@pytest.mark.parametrize("own", [False, True])
def test_gradient_of_mixed_experts_is_that_of_the_plain_sum(own, units):
    gates, batch, num_experts = 2, 5, 3
    draw = np.random.default_rng(0).normal
    weights = draw(size=(gates, batch, num_experts))
    experts = draw(size=(*([gates] if own else []), num_experts, batch, units))
    upstream = draw(size=(gates, batch, units))
    inputs = [tf.constant(x, tf.float32) for x in (weights, experts)]
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        loss = tf.reduce_sum(Mix()(*inputs) * upstream.astype("float32"))
    of_weights, of_experts = tape.gradient(loss, inputs)

    of_each = "gbu,gebu->" if own else "gbu,ebu->"
    expected = np.einsum(f"{of_each}gbe", upstream, experts)
    np.testing.assert_allclose(of_weights, expected, rtol=0, atol=TOLERANCE * units)
    expected = np.einsum("gbe,gbu->gebu", weights, upstream)
    expected = expected if own else expected.sum(axis=0)
    np.testing.assert_allclose(of_experts, expected, rtol=0, atol=TOLERANCE)


def test_gate_over_one_expert_has_gradient_zero_and_not_none():
    # Keras warns of weights without a gradient in every run.
    net, rows = scheme("mmoe", "model.num_experts=1"), features()
    gate = net.logits.get_layer("gates").logits.kernel
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(net.logits(rows)["income"])
    gradient = tape.gradient(total, gate.value)
    assert gradient is not None
    assert not gradient.numpy().any()


# How networks start.


def starting_kernels(net):
    """Everything drawn at random, cut into what belongs to one network or task."""
    kernels = {}
    for layer in net.logits.layers:
        parallel = parallel_dense_layers(layer)
        for d, dense in enumerate(parallel):
            for i in range(dense.num):
                kernels[f"{layer.name} {d} {i}"] = read_dense(dense, i)[0]
        if isinstance(layer, FusedEmbedding):
            sets = np.split(layer.table.numpy(), layer.num_sets, axis=1)
            kernels |= {f"{layer.name} {s}": table for s, table in enumerate(sets)}
        elif not parallel:
            for weight in layer.trainable_weights:
                if "bias" not in weight.name:
                    kernels[weight.path] = weight.numpy()
    return kernels


def assert_all_differ(kernels):
    for (a, x), (b, y) in itertools.combinations(kernels.items(), 2):
        if x.shape == y.shape:
            is_drawn = x != 0  # the embeddings of unknown values start at 0
            assert (x != y)[is_drawn].mean() > 0.9, f"{a} and {b} start equal"


@pytest.mark.parametrize("name", SCHEMES)
def test_two_experts_differ_at_the_start(name):
    gate = ["model.gate_units=[4]"] if name in GATED else []
    kernels = starting_kernels(scheme(name, *gate, num_tasks=3))
    assert len(kernels) > 6
    assert_all_differ(kernels)


@pytest.mark.parametrize("encoder", ENCODERS)
def test_two_layers_of_an_encoder_differ_at_the_start(encoder):
    sizes = {
        "xdeepfm": ["encoder.cin_units=[6,6,6]"],
        "autoint": ["encoder.num_heads=2", "encoder.attention_dim=2"],
    }  # that give two layers one shape
    options = [f"encoder={encoder}", "encoder.deep_units=[6,6]"]
    net = scheme("single_task", *options, *sizes.get(encoder, []))
    assert_all_differ(starting_kernels(net))


def test_deepctr_layers_with_one_seed_differ_at_the_start():
    x = keras.Input((3,))
    outputs = [deepctr.connect("DNN", x, hidden_units=(8, 3)) for _ in range(2)]
    weights = [w for y in outputs for w in y._keras_history.operation.weights]
    kernels = {w.path: w.numpy() for w in weights if "kernel" in w.name}
    assert len(kernels) == 4
    assert_all_differ(kernels)
