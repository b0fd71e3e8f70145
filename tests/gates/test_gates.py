"""Gates that select experts are their papers' equations, read again in NumPy."""

import itertools
import math

import keras
import numpy as np
import pytest
import tensorflow as tf
from helpers.networks import config, features, network, randomize, read_dense
from helpers.slow import slow_except
from pydantic import ValidationError

from mtl_cli.core.errors import ConfigError
from mtl_cli.layers import DSelectKGates, TopKGates
from mtl_cli.training.losses import sum_of_penalties
from mtl_cli.training.steps import reseed

ROWS, DIM = 6, 4
X = np.random.default_rng(0).normal(size=(ROWS, DIM)).astype("float32")
# Rounding of float32: the largest error seen is 3e-7.
TOLERANCE = 1e-5


def softmax(z):
    e = np.exp(z - z.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def smooth_step(t, gamma):
    """The smooth step S(t) of Hazimeh et al."""
    inside = -2 / gamma**3 * t**3 + 3 / (2 * gamma) * t + 1 / 2
    return np.where(t <= -gamma / 2, 0, np.where(t >= gamma / 2, 1, inside))


def selector(z, num_experts, gamma):
    """r(z): the product over bits of S, or 1 - S, for each expert; z is (bits,)."""
    r = np.ones(num_experts)
    for expert, (b, value) in itertools.product(range(num_experts), enumerate(z)):
        is_set = expert // 2**b % 2 == 1
        s = smooth_step(value, gamma)
        r[expert] *= s if is_set else 1 - s
    return r


def dselect_k(x, z_layer, w_layer, num_experts, num_selected, gamma):
    """q(x) = sum_j softmax(w)_j r(z_j) and all r, for one gate and one row."""
    bits = math.ceil(math.log2(num_experts))
    z = (x @ z_layer[0] + z_layer[1]).reshape(num_selected, bits)
    w = x @ w_layer[0] + w_layer[1]
    r = np.array([selector(z_j, num_experts, gamma) for z_j in z])
    return softmax(w) @ r, r


def filled(layer, scale):
    """Draws all weights of a layer anew, so that some steps are 0 and some 1."""
    random = np.random.default_rng(1)
    for weight in layer.weights:
        weight.assign(random.normal(scale=scale, size=weight.shape))


@pytest.mark.parametrize("num_experts", [2, 3, 4, 6, 8])
@pytest.mark.parametrize("num_selected", [1, 3, 7])
def test_dselect_k_is_its_equations(num_experts, num_selected):
    gates = DSelectKGates(2, num_experts, num_selected=num_selected, gamma=1.5)
    gates(X)
    filled(gates, 0.3)
    found = gates(X).numpy()
    for gate, row in itertools.product(range(2), range(ROWS)):
        layers = (read_dense(x, gate) for x in (gates.selectors, gates.mixture))
        q, _ = dselect_k(X[row], *layers, num_experts, num_selected, 1.5)
        np.testing.assert_allclose(found[gate, row], q, 0, TOLERANCE)
        if math.log2(num_experts).is_integer():
            assert q.sum() == pytest.approx(1)


@pytest.mark.parametrize(("num_experts", "has_empty_codes"), [(4, False), (3, True)])
def test_penalties_of_dselect_k_are_means_over_rows_in_training(
    num_experts, has_empty_codes
):
    gates, by_row = (
        DSelectKGates(2, num_experts, entropy=0.5, adds_row_penalties=adds)
        for adds in (False, True)
    )
    for layer in (gates, by_row):
        layer(X)
        filled(layer, 0.2)
        layer(X)
        assert layer.losses == []
        layer(X, training=True)
    (scalar,), (penalty,) = gates.losses, by_row.losses
    expected = np.zeros(ROWS)
    for gate, row in itertools.product(range(2), range(ROWS)):
        layers = (read_dense(x, gate) for x in (gates.selectors, gates.mixture))
        _, r = dselect_k(X[row], *layers, num_experts, 2, 1.0)
        expected[row] -= 0.5 * (r * np.log(r + 1e-6)).sum()
        expected[row] += 0.01 * (1 / r.sum(axis=1)).sum() * has_empty_codes
    np.testing.assert_allclose(penalty, expected, TOLERANCE)
    assert scalar.shape == ()
    assert float(scalar) == pytest.approx(expected.mean(), TOLERANCE)
    is_real = tf.constant([1.0, 1, 0, 1, 0, 1])
    total = sum_of_penalties([penalty, tf.constant(3.0)], is_real, tf.constant(4.0), 2)
    assert float(total) == pytest.approx(expected[[0, 1, 3, 5]].mean() + 1.5, 1e-5)


def test_selector_of_a_code_without_an_expert_has_a_finite_penalty_and_gradient():
    gates = DSelectKGates(1, 3, num_selected=1)
    gates(X)
    gates.selectors.bias.assign([[[5.0, 5.0]]])  # the fourth code
    with tf.GradientTape() as tape:
        gates(X, training=True)
        (penalty,) = gates.losses
    assert float(penalty) == pytest.approx(10)
    gradient = tape.gradient(penalty, gates.selectors.kernel)
    assert np.isfinite(gradient).all()


def test_tasks_outweigh_the_penalty_on_codes_without_an_expert():
    keras.utils.set_random_seed(0)
    gates = DSelectKGates(2, num_experts=5)
    x = np.random.default_rng(0).normal(size=(256, 16)).astype("float32")
    gates(x)
    optimizer = keras.optimizers.Adam(0.003)
    optimizer.build(gates.trainable_variables)

    @tf.function
    def step():
        with tf.GradientTape() as tape:
            q = gates(x, training=True)
            # Experts 2 and 3 lower the losses of the two tasks by .02.
            gain = 0.02 * tf.reduce_mean(q[0, :, 2] + q[1, :, 3])
            loss = sum(gates.losses) - gain
        gradients = tape.gradient(loss, gates.trainable_variables)
        optimizer.apply(gradients, gates.trainable_variables)

    for _ in range(200):
        step()
    weights = gates(x).numpy().mean(axis=1)
    assert weights.argmax(axis=1).tolist() == [2, 3]
    assert (weights.max(axis=1) > 0.75).all()


def test_saturated_selector_of_dselect_k_is_one_expert():
    gates = DSelectKGates(1, 4, num_selected=1)
    gates(X)
    filled(gates, 100.0)
    weights = gates(X).numpy()[0]
    assert set(weights.ravel()) == {0.0, 1.0}
    assert (weights.sum(axis=1) == 1).all()


@pytest.mark.parametrize("is_static", [False, True])
def test_dselect_k_starts_where_its_step_has_a_slope(is_static):
    keras.utils.set_random_seed(1)
    gates = DSelectKGates(3, 8, gamma=0.7, is_static=is_static)
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(gates(X)[..., 5])
    for gradient, weight in zip(
        tape.gradient(total, gates.trainable_weights), gates.weights, strict=True
    ):
        assert gradient.numpy().any(), weight.path
    for weight in gates.selectors.weights:
        values = weight.numpy()
        assert 0.004 < np.abs(values).max() < 0.007
        assert len(np.unique(values)) == values.size  # each gate has its own draw
    kernel = gates.mixture.kernel.numpy()
    assert 0.01 < np.abs(kernel).max() < 0.05


def test_static_gates_weigh_all_rows_alike_and_are_penalised_once():
    gates = DSelectKGates(2, 3, entropy=0.5, is_static=True)
    gates(X)
    filled(gates, 0.3)
    weights = gates(X, training=True).numpy()
    (penalty,) = gates.losses
    assert penalty.shape == ()
    assert weights.shape == (2, ROWS, 3)
    assert (weights == weights[:, :1]).all()
    expected = 0.0
    for gate in range(2):
        z, w = (read_dense(x, gate)[0] for x in (gates.selectors, gates.mixture))
        q, r = dselect_k(np.ones(1), (z, 0), (w, 0), 3, 2, 1.0)
        np.testing.assert_allclose(weights[gate, 0], q, 0, TOLERANCE)
        expected += 0.01 * (1 / r.sum(axis=1)).sum()
        expected -= 0.5 * (r * np.log(r + 1e-6)).sum()
    assert float(penalty) == pytest.approx(expected, 1e-5)


@pytest.mark.parametrize("num_selected", [1, 2, 5])
def test_top_k_is_its_equations(num_selected):
    gates = TopKGates(2, 3, num_selected=num_selected)
    gates(X)
    found = gates(X).numpy()
    for gate, row in itertools.product(range(2), range(ROWS)):
        h = X[row] @ read_dense(gates.logits, gate)[0]
        kept = np.argsort(h)[::-1][:num_selected]
        expected = np.zeros(3)
        expected[kept] = softmax(h[kept])
        np.testing.assert_allclose(found[gate, row], expected, 0, TOLERANCE)


def test_noise_of_top_k_has_the_papers_deviation_and_comes_from_the_seed():
    x = np.ones((4000, 1), "float32")
    gates = TopKGates(1, 2, num_selected=2)
    model = keras.Sequential([keras.Input((1,)), gates])
    gates.logits.kernel.assign([[[0.3, -0.2]]])
    gates.noise.kernel.assign([[[1.0, -1.0]]])
    reseed(model, [1, 2])
    first = gates(x, training=True).numpy()[0]
    # The logit of a weight is H_1 - H_2, a normal number.
    difference = np.log(first[:, 0] / first[:, 1])
    deviation = np.sqrt(sum(np.log1p(np.exp(v)) ** 2 for v in (1, -1)))
    assert difference.mean() == pytest.approx(0.5, abs=4 * deviation / 4000**0.5)
    assert difference.std() == pytest.approx(deviation, rel=0.05)
    again = gates(x, training=True).numpy()[0]
    assert (again != first).any()
    reseed(model, [1, 2])
    np.testing.assert_array_equal(gates(x, training=True).numpy()[0], first)
    assert np.ptp(gates(x).numpy(), axis=1).max() == 0
    silent = TopKGates(1, 2, has_noise=False)
    assert (silent(x, training=True) == silent(x)).numpy().all()


SELECTING = ["model.gate=dselect_k", "model.gate=top_k"]
ONE_SHARED = ("model.num_specific_experts=0", "model.num_shared_experts=1")
ONE_EXPERT = {"cgc": ONE_SHARED, "ple": ONE_SHARED}
ONE_EXPERT |= dict.fromkeys(["omoe", "mmoe"], ("model.num_experts=1",))


@pytest.mark.parametrize("gate", SELECTING)
@pytest.mark.parametrize(
    "model", slow_except(["mmoe", "cgc"], ["omoe", "mmoe", "cgc", "ple"])
)
def test_every_model_with_gates_has_every_kind_of_gates(model, gate):
    net = network(f"model={model}", gate, "model.gate_units=[3]", num_tasks=3)
    kinds = {DSelectKGates, TopKGates} & set(map(type, net.logits.layers))
    assert len(kinds) == 1
    single = network(f"model={model}", gate, *ONE_EXPERT[model], num_tasks=2)
    assert not kinds & set(map(type, single.logits.layers))  # nothing to select
    randomize(net.logits)
    for logits in net.logits(features(), training=True).values():
        assert np.isfinite(logits).all() and np.ptp(logits) > 0


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (["model=mmoe", "model.gate=topk"], "did you mean top_k"),
        (
            ["model=mmoe", "model.gate=top_k", "model.gate_gamma=2"],
            r"only model\.gate=dselect_k uses it; choose",
        ),
        (
            ["model=mmoe", "model.num_selected_experts=3"],
            r"num_selected_experts: only model\.gate=dselect_k or top_k uses it",
        ),
        (
            ["model=mmoe", "model.gate=top_k", "model.num_selected_experts=1"],
            "num_selected_experts: a top_k gate that selects 1 expert .* never learns",
        ),
        (["model=esmm", "model.gate_static=true"], "gate_static: only model.gate="),
        (
            [
                *["model=ple", "model.gate=dselect_k", "model.gate_static=true"],
                "model.gate_units=[3]",
            ],
            "gate_units: static gates read no rows",
        ),
    ],
)
def test_key_that_would_do_nothing_is_refused(settings, message):
    with pytest.raises((ConfigError, ValidationError), match=f"(?i){message}"):
        config(*settings)
