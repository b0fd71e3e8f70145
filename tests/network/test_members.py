"""Members of one network: what its members share, learn and predict."""

import h5py
import keras
import numpy as np
import pytest
import tensorflow as tf
from helpers.networks import MODELS, ROWS, SCENARIO, features, network
from helpers.slow import slow_except

from mtl_cli.layers.fast_factors import FACTOR_SPEED
from mtl_cli.layers.members import MemberInputs
from mtl_cli.tasks.binary import Binary
from mtl_cli.training.losses import (
    mean_of_members,
    repeat_for_members,
    sum_of_penalties,
    task_losses,
)

K = 3
FLOAT32 = 1e-5  # relative rounding of a network of float32 operations


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_weights_of_members_have_the_names_of_earlier_files(tmp_path):
    built = network("model=shared_bottom", f"model.members={K}").predictions
    built.save_weights(tmp_path / "a.weights.h5")
    with h5py.File(tmp_path / "a.weights.h5") as file:
        stored = file["layers/member_inputs/vars/0"][:]
    np.testing.assert_array_equal(stored, built.get_layer("members").scale.numpy())


def test_members_start_with_random_signs_of_one_input():
    keras.utils.set_random_seed(1)
    x = keras.random.normal((5, 400))
    layer = MemberInputs(K)
    y = layer(x).numpy().reshape(K, 5, 400)
    signs = y / x.numpy()
    np.testing.assert_array_equal(np.abs(signs), 1)
    assert (signs == signs[:, :1]).all()  # the same for all rows
    assert 0.4 < (signs[0, 0] == signs[1, 0]).mean() < 0.6


def test_step_of_adam_moves_a_vector_of_a_member_ten_times_as_far_as_a_weight():
    layer = MemberInputs(K)
    before = layer(np.ones((1, 4), "float32")).numpy()
    with tf.GradientTape() as tape:
        y = keras.ops.sum(layer(np.full((1, 4), 2.0, "float32")))
    (gradient,) = tape.gradient(y, layer.trainable_variables)
    np.testing.assert_array_equal(gradient, 2)
    keras.optimizers.Adam(0.01).apply([gradient], layer.trainable_variables)
    moved = before - layer(np.ones((1, 4), "float32")).numpy()
    np.testing.assert_allclose(moved, FACTOR_SPEED * 0.01, 1e-3)


@pytest.mark.parametrize("model", slow_except(["esmm", "mmoe"], MODELS))
def test_prediction_is_the_mean_of_the_members_predictions(model):
    keras.utils.set_random_seed(1)
    built = network(f"model={model}", f"model.members={K}")
    rows = features()
    logits = built.logits(rows, training=False)
    predictions = built.predictions(rows, training=False)
    for task, logit in logits.items():
        assert logit.shape == (K * ROWS, 1)
        by_member = tf.sigmoid(logit).numpy().reshape(K, ROWS, 1)
        mean = by_member.mean(axis=0)
        np.testing.assert_allclose(predictions[task], mean, rtol=FLOAT32)
        spread = by_member.std(axis=0)
        assert spread.max() > 1e-4  # members differ
        np.testing.assert_allclose(predictions[f"{task}_std"], spread, atol=1e-6)


def give_weights_to_all_members(alone, built):
    """Gives each member of a network the weights of a network without members."""
    scale = built.logits.get_layer("members").scale
    scale.assign(tf.ones_like(scale) / FACTOR_SPEED)
    shared = [w for w in built.predictions.weights if w is not scale]
    for weight, other in zip(shared, alone.predictions.weights, strict=True):
        x = other.numpy()
        if weight.shape[1:] != other.shape[1:]:  # one input for the towers of all tasks
            x = x.reshape(x.shape[1], -1, weight.shape[-1]).swapaxes(0, 1)
        factor = weight.shape[0] // x.shape[0] if x.shape else 1
        weight.assign(np.repeat(x, factor, axis=0) if factor > 1 else x)


@pytest.mark.parametrize(
    "settings",
    [
        ["model=mmoe"],
        ["model=shared_bottom", "model.tower_units=[]"],
        pytest.param(["model=mmoe", "model.towers=dbmtl"], marks=pytest.mark.slow),
        pytest.param(
            ["model=shared_bottom", "model.towers=ppnet"], marks=pytest.mark.slow
        ),
        pytest.param(
            ["model=shared_bottom", "model.towers=residual_flow"],
            marks=pytest.mark.slow,
        ),
        pytest.param(
            [
                "model.towers=star",
                "model=shared_bottom",
                "model.auxiliary_units=[]",
                *SCENARIO,
            ],
            marks=pytest.mark.slow,
        ),
        ["model=shared_bottom", "model.towers=per_scenario", *SCENARIO],
    ],
    ids=lambda settings: " ".join(settings[:2]),
)
def test_members_with_equal_weights_predict_as_one_network(settings):
    keras.utils.set_random_seed(1)
    alone = network(*settings)
    built = network(*settings, f"model.members={K}")
    give_weights_to_all_members(alone, built)
    found, expected = built.predictions(features()), alone.predictions(features())
    for task in expected:
        np.testing.assert_allclose(found[task], expected[task], rtol=FLOAT32)


def test_each_member_has_the_last_layer_of_its_own():
    keras.utils.set_random_seed(1)
    built = network("model=mmoe", f"model.members={K}")
    before = {t: y.numpy() for t, y in built.logits(features()).items()}
    layer = built.logits.get_layer("towers_0_1_logits")
    # Change the second member's layer of the first task.
    layer.bias.assign_add(np.eye(2 * K)[1][:, None, None].astype("float32"))
    after = {t: y.numpy() for t, y in built.logits(features()).items()}
    change = [after[t] - before[t] for t in before]
    expected = np.repeat(np.eye(K)[1], ROWS)[:, None]
    np.testing.assert_allclose(change[0], expected, atol=1e-6)
    np.testing.assert_array_equal(change[1], 0)


def test_encodings_of_single_tasks_share_no_vectors_of_members():
    built = network("model=single_task", f"model.members={K}")
    signs = [x for x in built.logits.layers if isinstance(x, MemberInputs)]
    assert len(signs) == 2
    before = {t: y.numpy() for t, y in built.logits(features()).items()}
    signs[1].scale.assign(2 * signs[1].scale)
    after = {t: y.numpy() for t, y in built.logits(features()).items()}
    np.testing.assert_array_equal(after["income"], before["income"])
    assert (after["never_married"] != before["never_married"]).any()


def test_loss_is_the_mean_over_the_losses_of_members():
    random = np.random.default_rng(1)
    logits = random.normal(size=(K, 4)).astype("float32")
    labels = tf.constant([1.0, 0, 1, np.nan])
    weights = tf.constant([1.0, 2, 0.5, 0])
    tasks = {"y": Binary(label="y")}
    found = task_losses(
        tasks, {"y": tf.constant(logits.reshape(-1, 1))}, {"y": labels}, {"y": weights}
    )
    each = [
        task_losses(
            tasks, {"y": tf.constant(z[:, None])}, {"y": labels}, {"y": weights}
        )
        for z in logits
    ]
    np.testing.assert_allclose(found, np.mean(each, axis=0), rtol=FLOAT32)


def test_penalties_of_rows_are_means_over_members():
    is_real = tf.constant([1.0, 1.0, 0.0])
    penalty = tf.constant([1.0, 2.0, 9.0, 3.0, 4.0, 9.0])  # two members
    assert float(sum_of_penalties([penalty], is_real, tf.constant(1.0), 1)) == 5.0
    np.testing.assert_array_equal(repeat_for_members(is_real, penalty)[3:], is_real)
    np.testing.assert_array_equal(mean_of_members(penalty, 3), [2, 3, 9])


def test_one_member_adds_no_layer():
    names = [layer.name for layer in network("model=mmoe").logits.layers]
    assert "members" not in names
