"""Networks that multiply each feature by a trained factor (`model.feature_factors`)."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from helpers import networks
from helpers.networks import MODELS, QUICK_MODELS, features
from helpers.slow import slow_except

from mtl_cli.layers import ParallelDense
from mtl_cli.layers.fast_factors import FACTOR_SPEED

NO_FACTORS = "model.feature_factors=false"


def logits(network, rows):
    return [y.numpy() for y in network.logits(rows, training=False).values()]


def factors(network):
    return [w for w in network.logits.weights if w.name == "feature_factors"]


@pytest.mark.parametrize("model", slow_except(QUICK_MODELS, MODELS))
def test_at_the_start_factors_change_nothing(model):
    plain, scaled = [], []
    for settings, outputs in (([NO_FACTORS], plain), ([], scaled)):
        keras.utils.set_random_seed(1)
        network = networks.network(f"model={model}", *settings)
        outputs += logits(network, features())
    assert factors(network)
    np.testing.assert_allclose(plain, scaled, 1e-5, 1e-6)


def test_network_does_not_read_a_feature_whose_factor_is_0():
    network = networks.network("model=shared_bottom")
    (weight,) = factors(network)
    assert weight.features == ["user", "item", "hour", "numbers"]
    weight.assign(weight.numpy() * [[0, 1, 1, 1]])
    rows = features()
    other_users = rows | {"ids": rows["ids"] * [0, 1, 1]}
    expected, same = (logits(network, x) for x in (rows, other_users))
    np.testing.assert_array_equal(expected, same)


def test_each_network_has_factors_of_its_own():
    layer = ParallelDense(4, 3)  # two networks read each of two groups
    layer.build((2, None, 5))
    layer.scale_rows(["a", "a", "b", "c", "c"])
    random = np.random.default_rng(0)
    layer.feature_factors.assign(random.normal(size=(4, 3)) / FACTOR_SPEED)
    x = random.normal(size=(2, 6, 5)).astype("float32")
    rows = FACTOR_SPEED * layer.feature_factors.numpy()[:, [0, 0, 1, 2, 2]]  # (4, 5)
    kernels = np.split(layer.kernel.numpy(), 2, axis=-1)  # (2 groups, 5, 3) each
    kernels = [kernels[i % 2][i // 2] * rows[i, :, None] for i in range(4)]
    expected = [x[i // 2] @ kernel for i, kernel in enumerate(kernels)]
    np.testing.assert_allclose(layer(x), expected, 1e-4, 1e-5)
    np.testing.assert_allclose(layer.kernels, kernels, 1e-5)


def test_gradient_of_a_factor_reaches_its_weight_unscaled():
    layer = ParallelDense(1, 2)
    layer.build((None, 3))
    layer.scale_rows(["a", "b", "b"])
    x = np.array([[2.0, 3.0, 5.0]], "float32")
    with tf.GradientTape() as tape:
        y = keras.ops.sum(layer(x))
    gradient = tape.gradient(y, layer.feature_factors)
    by_row = x[0] * layer.kernel.numpy()[0].sum(axis=-1)
    np.testing.assert_allclose(gradient, [[by_row[0], by_row[1:].sum()]], 1e-5)


def test_step_of_adam_moves_a_factor_ten_times_as_far_as_a_weight():
    layer = ParallelDense(1, 2)
    layer.build((None, 3))
    layer.scale_rows(["a", "b", "b"])
    variables = layer.trainable_variables
    keras.optimizers.Adam(0.01).apply([v * 0 + 1 for v in variables], variables)
    moved = 1 - FACTOR_SPEED * layer.feature_factors.numpy()
    np.testing.assert_allclose(moved, FACTOR_SPEED * 0.01, 1e-3)


def test_networks_that_read_interactions_have_no_factors():
    interactions = networks.network("encoder=dcnv2", "encoder.deep_units=[]")
    assert not factors(interactions)
    deep_units = networks.network("encoder=dcnv2", "encoder.deep_units=[6]")
    assert factors(deep_units)
