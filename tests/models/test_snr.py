"""SNR is its paper's equations, and its connections are hard concrete variables."""

import numpy as np
import pytest
import tensorflow as tf
from helpers.equations import (
    assert_equal_up_to_rounding,
    gradients,
    mlp,
    read_inputs,
    read_mlps,
    sigmoid,
    through_towers,
    towers_in_one_layer,
)
from helpers.gate_usage import measure_gate_usage
from helpers.networks import (
    TASKS,
    arrays,
    config,
    features,
    network,
    randomize,
    read_dense,
)
from helpers.slow import covering, slow_except

from mtl_cli.data.table import Table
from mtl_cli.layers import HardConcrete, Route, experts_of
from mtl_cli.training.steps import reseed

SIZES = ["model=snr", "model.num_networks=3", "model.network_units=[16,8]"]
SIZES += ["model.tower_units=[8]", "model.snr_scale=2"]
BETA, GAMMA, ZETA = 2 / 3, -0.1, 1.1


def snr(*overrides, num_tasks=3):
    net = network(*SIZES, *overrides, num_tasks=num_tasks)
    randomize(net.logits)
    return net


def fixed(log_alpha):
    """z after training: no noise, and no beta."""
    return np.clip(sigmoid(log_alpha) * (ZETA - GAMMA) + GAMMA, 0, 1)


def equations(net, x, num_levels, connection, num_tasks):
    """v_i = sum_j c_ij W_ij u_j, or sum_j c_ij u_j; then u_i = f_i(v_i)."""
    inputs = [x] * 3
    for level in range(1, num_levels + 1):
        name = f"level_{level}"
        networks = read_mlps(net, f"{name}_networks")
        u = [mlp(x, layers) for x, layers in zip(inputs, networks, strict=True)]
        layer = net.logits.get_layer(f"{name}_connections")
        c = fixed(layer.scale * layer.scaled_log_alpha.numpy().astype("float64"))
        num_readers = num_tasks if level == num_levels else 3
        inputs = []
        for i in range(num_readers):
            total = 0
            for j in range(3):
                value = u[j]
                if connection == "trans":
                    w = net.logits.get_layer(f"{name}_transforms")
                    value = u[j] @ read_dense(w, j * num_readers + i)[0]
                total = total + c[i, j] * value
            inputs.append(total)
    return inputs


@pytest.mark.parametrize(
    ("num_levels", "connection", "num_tasks"),
    covering([1, 2, 3], ["aver", "trans"], [1, 3, 2]),
)
def test_snr_is_its_equations(num_levels, connection, num_tasks):
    keys = [f"model.num_levels={num_levels}", f"model.snr_connection={connection}"]
    net, rows = snr(*keys, num_tasks=num_tasks), features()
    (x,) = read_inputs(net, rows)
    hidden = equations(net, x, num_levels, connection, num_tasks)
    want = through_towers(net, hidden, towers_in_one_layer(num_tasks))
    got = arrays(net.logits(rows))
    assert_equal_up_to_rounding(got, want)
    for task, y in arrays(net.logits(rows)).items():  # without noise
        np.testing.assert_array_equal(y, got[task])


def connections(log_alpha, **keys):
    """A layer with given log alpha, which has been called once."""
    log_alpha = np.array(log_alpha, "float32")
    routes = [Route(i, experts_of("network", log_alpha.shape[1])) for i in range(2)]
    layer = HardConcrete(routes[: len(log_alpha)], **keys)
    layer(np.zeros((4, 1), "float32"))
    layer.scaled_log_alpha.assign(log_alpha / layer.scale)
    return layer


def test_share_of_open_connections_is_that_of_the_penalty():
    """P(z > 0) = sigmoid(log alpha - beta log(-gamma / zeta)), over 40,000 draws."""
    log_alpha = np.array([[-4.0, -1.5, 0.0, 1.0]])
    layer = connections(log_alpha, l0=0.5, scale=8.0, per_row=True)
    z = layer(np.zeros((40_000, 1), "float32"), training=True).numpy()[0]
    expected = sigmoid(log_alpha[0] - BETA * np.log(-GAMMA / ZETA))
    is_whole = sigmoid(log_alpha[0] - BETA * np.log((1 - GAMMA) / (ZETA - 1)))
    # Four standard errors of a share are at most .01.
    np.testing.assert_allclose((z > 0).mean(axis=0), expected, atol=0.01)
    np.testing.assert_allclose((z == 1).mean(axis=0), is_whole, atol=0.01)
    (penalty,) = layer.losses
    assert float(penalty) == pytest.approx(0.5 * expected.sum(), 1e-5)
    layer(np.zeros((4, 1), "float32"))
    assert layer.losses == []


def test_draw_of_a_step_is_the_papers_formula_of_its_uniform_numbers():
    layer = connections([[-1.0, 0.5], [2.0, 0.0]])
    model = tf.keras.Sequential([tf.keras.Input((1,)), layer])
    u = np.random.default_rng(0).uniform(size=(2, 1, 2))
    drawn = []

    def uniform(shape, *arguments):
        drawn.append(shape)
        return tf.constant(u, "float32")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("mtl_cli.layers.hard_concrete.keras.random.uniform", uniform)
        z = model(np.zeros((4, 1), "float32"), training=True).numpy()
    assert drawn == [(2, 1, 2)]
    log_alpha = layer.scaled_log_alpha.numpy()[:, None]
    s = sigmoid((np.log(u) - np.log(1 - u) + log_alpha) / BETA)
    expected = np.clip(s * (ZETA - GAMMA) + GAMMA, 0, 1)
    np.testing.assert_allclose(z, np.repeat(expected, 4, axis=1), 0, 1e-5)


def test_noise_is_drawn_anew_each_step_and_comes_from_the_seed():
    net, rows = snr(), features()
    reseed(net.logits, [1, 2])
    first, second = (arrays(net.logits(rows, training=True)) for _ in range(2))
    reseed(net.logits, [1, 2])
    again = arrays(net.logits(rows, training=True))
    for task in TASKS:
        assert (first[task] != second[task]).any()
        np.testing.assert_array_equal(first[task], again[task])


@pytest.mark.parametrize("noise", slow_except(["row"], ["step", "row"]))
def test_noise_is_the_same_for_all_rows_of_a_step_or_drawn_for_each(noise):
    net = snr(f"model.snr_noise={noise}")
    z = net.logits.get_layer("level_1_connections")(np.zeros((9, 1)), training=True)
    assert np.allclose(z, z[:, :1]) == (noise == "step")


def test_alpha_stays_where_it_can_still_change():
    layer = connections([[0.0, 0.0]], scale=2.0)
    optimizer = tf.keras.optimizers.SGD(1.0)
    optimizer.apply([tf.constant([[-50.0, 50.0]])], [layer.scaled_log_alpha])
    limits = [[np.log(100), -np.log(100)]]
    np.testing.assert_allclose(2 * layer.scaled_log_alpha, limits, 1e-6)


def test_connections_learn_faster_by_their_scale():
    """Adam moves the trained variable by the learning rate, so log alpha by 0.1."""
    layer = connections([[0.0, 0.0]], scale=10.0)
    with tf.GradientTape() as tape:
        z = layer(np.zeros((4, 1), "float32"))  # without noise: z = 0.5 at log alpha 0
        loss = z[0, 0, 0] - z[0, 0, 1]
    gradient = tape.gradient(loss, [layer.scaled_log_alpha])
    tf.keras.optimizers.Adam(0.01).apply(gradient, [layer.scaled_log_alpha])
    z = layer(np.zeros((4, 1), "float32")).numpy()[0, 0]
    np.testing.assert_allclose(z, fixed(np.array([-0.1, 0.1])), 1e-5)


@pytest.mark.slow
def test_cut_connections_carry_nothing_and_gates_json_calls_them_unused():
    net, rows = snr(), features()
    layer = net.logits.get_layer("level_2_connections")
    log_alpha = np.zeros((3, 3))
    log_alpha[0, 1] = log_alpha[:, 2] = -4.0  # z = 0
    layer.scaled_log_alpha.assign(log_alpha / layer.scale)
    found = gradients(net, rows, "income")
    last = net.logits.get_layer("level_2_networks").stack[-2].kernel
    reached = found[last.path]
    ones = {task: np.ones(len(rows["ids"]), "float32") for task in TASKS}
    third = "+dataset.tasks.rating={label: rating, kind: regression, transform: none}"
    chosen = config(*SIZES, third, f"tasks=[{','.join(TASKS)}]")
    usage = measure_gate_usage(net, chosen, Table(rows, {}, ones))
    gates = {(g["level"], g["task"]): g for g in usage["gates"]}
    assert gates["level_2", "income"]["unused"] == ["network 2", "network 3"]
    assert gates["level_2", "rating"]["unused"] == ["network 3"]
    assert usage["dead"] == ["level_2 network 3"]
    assert gates["level_2", "income"]["weights"]["network 1"] == pytest.approx(0.5)
    assert "level_1 network 2" in {level for level, _ in gates}
    assert reached[0].any()
    assert not reached[1:].any()


def test_loss_of_a_task_leaves_the_connections_of_other_tasks():
    net, rows = snr("model.activation=tanh"), features()
    for name in ("level_1_connections", "level_2_connections"):
        layer = net.logits.get_layer(name)
        layer.scaled_log_alpha.assign(
            np.zeros((3, 3))
        )  # clipped connections have no slope
    for owner, task in enumerate(TASKS):
        found = gradients(net, rows, task)
        alpha = found["level_2_connections/scaled_log_alpha"]
        assert alpha[owner].all()
        assert not np.delete(alpha, owner, axis=0).any()
        kernel = found["level_2_transforms/kernel"].reshape(3, 8, 3, 8)  # j, in, i, out
        assert kernel[:, :, owner].any()
        assert not np.delete(kernel, owner, axis=2).any()
