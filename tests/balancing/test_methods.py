"""Each balancing method against its paper's equations, in NumPy and with SciPy."""

from itertools import permutations, product
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from helpers.networks import config
from helpers.slow import slow_except
from scipy.optimize import minimize, nnls

from mtl_cli.balancing.base import Balancing, Observation
from mtl_cli.core.errors import ConfigError
from mtl_cli.core.option_classes import option_names

FLOAT32 = 2e-5
RATE = 0.025  # learning_rate in conf/balancing/*.yaml
METHODS = option_names("balancing")
BY_GRADIENTS = ["cagrad", "gradnorm", "mgda", "metabalance", "pcgrad"]


def method(name: str, *overrides: str) -> Balancing:
    overrides = tuple(f"balancing.{override}" for override in overrides)
    return config(f"balancing={name}", *overrides).balancing


def gradients(num_tasks: int, seed: int = 0, size: int = 6) -> Any:
    """Gradients of the tasks that point in all directions, (T, size)."""
    random = np.random.default_rng(seed)
    scales = random.uniform(0.3, 3.0, (num_tasks, 1))
    return scales * random.normal(size=(num_tasks, size))


def observed(
    losses: Any,
    g: Any = None,
    step: int = 0,
    ends_epoch: bool = False,
    has_rows: Any = None,
    seed: int = 0,
) -> Observation:
    """What a method sees of a step; `g` has the shape (P, T, size), or (T, size)."""
    losses = np.asarray(losses, "float32")
    products = None
    if g is not None:
        g = np.asarray(g).reshape(-1, len(losses), np.shape(g)[-1])
        products = np.einsum("ptd,psd->pts", g, g).astype("float32")
    has_rows = np.ones(len(losses), bool) if has_rows is None else has_rows
    return Observation(
        [f"task_{i}" for i in range(len(losses))],
        tf.constant(losses),
        tf.constant(has_rows),
        tf.constant(ends_epoch),
        tf.constant([seed, step], tf.int64),
        None if products is None else tf.constant(products),
        [] if products is None else range(len(products)),
    )


def started(balancing: Balancing, num_tasks: int, num_weights: int = 1) -> Any:
    state = balancing.initial_state(num_tasks, num_weights)
    return {name: tf.constant(value) for name, value in state.items()}


def factors(balancing: Balancing, observation: Observation) -> Any:
    """The factors of the first step."""
    num_weights = len(observation.matrices)
    state = started(balancing, len(observation.tasks), num_weights)
    state = balancing.next_state(state, observation)
    return balancing.gradient_factors(state, observation).numpy()


class Adam:
    """Adam as in its paper."""

    def __init__(self, values: Any, rate: float) -> None:
        self.values, self.rate = np.array(values, "float64"), rate
        self.m, self.v, self.t = 0.0, 0.0, 0

    def step(self, gradient: Any) -> Any:
        self.t += 1
        self.m = 0.9 * self.m + 0.1 * gradient
        self.v = 0.999 * self.v + 0.001 * gradient**2
        m, v = self.m / (1 - 0.9**self.t), self.v / (1 - 0.999**self.t)
        self.values -= self.rate * m / (np.sqrt(v) + 1e-7)
        return self.values


@pytest.mark.slow
def test_list_of_methods_by_gradients_is_complete() -> None:
    by_gradients = [name for name in METHODS if method(name).reads_gradients]
    assert sorted(BY_GRADIENTS) == by_gradients


@pytest.mark.parametrize("name", METHODS)
def test_every_weight_is_1_in_the_first_step(name: str) -> None:
    balancing = method(name)
    assert (balancing.loss_weights(started(balancing, 3), 3).numpy() == 1).all()


@pytest.mark.parametrize("name", slow_except(["gradnorm"], METHODS))
def test_compiled_step_computes_the_same(name: str) -> None:
    balancing = method(name)
    g = np.stack([gradients(3, 1), gradients(3, 2)])
    observation = observed([0.3, 0.5, 0.9], g, step=1, ends_epoch=True)
    num_weights = len(observation.matrices)

    def step() -> Any:
        state = started(balancing, 3, num_weights)
        state = balancing.next_state(state, observation)
        weights = balancing.loss_weights(state, 3)
        return state, weights, balancing.gradient_factors(state, observation)

    expected = tf.nest.flatten(step())
    found = tf.nest.flatten(tf.function(step, jit_compile=True, autograph=False)())
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=FLOAT32, atol=1e-6)


@pytest.mark.parametrize("name", METHODS)
def test_no_slice_begins_at_a_computed_index(name: str) -> None:
    """XLA would evaluate all that the index depends on while it compiles: minutes."""
    balancing = method(name)
    observation = observed([0.3, 0.5, 0.9], gradients(3), step=1, ends_epoch=True)

    @tf.function(autograph=False)
    def step() -> Any:
        state = started(balancing, 3, len(observation.matrices))
        state = balancing.next_state(state, observation)
        return balancing.gradient_factors(state, observation)

    definition = step.get_concrete_function().graph.as_graph_def()
    functions = [function.node_def for function in definition.library.function]
    for nodes in [definition.node, *functions]:
        op_of_node = {node.name: node.op for node in nodes}
        begins = [node.input[1] for node in nodes if node.op == "StridedSlice"]
        ops = {op_of_node[begin.partition(":")[0]] for begin in begins}
        assert ops <= {"Const"}


# The step is as long as with equal weights, times this constant.
LENGTHS = {"cagrad": (1 + 0.4) / (1 + 0.4**2)}


@pytest.mark.parametrize("name", BY_GRADIENTS)
@pytest.mark.parametrize("num_tasks", [1, 2, 5])
def test_tasks_that_are_alike_get_equal_weights(name: str, num_tasks: int) -> None:
    g = np.repeat(gradients(1), num_tasks, axis=0)
    found = factors(method(name), observed([0.5] * num_tasks, g))
    expected = num_tasks * LENGTHS.get(name, 1.0)
    assert found.sum() == pytest.approx(expected, rel=FLOAT32)
    np.testing.assert_allclose(found.ravel(), expected / num_tasks, rtol=FLOAT32)


@pytest.mark.parametrize("name", [n for n in BY_GRADIENTS if n != "metabalance"])
def test_order_of_the_tasks_does_not_matter(name: str) -> None:
    # The first task is MetaBalance's target. PCGrad draws orders, so it gets two tasks.
    num_tasks = 2 if name == "pcgrad" else 4
    g, order = gradients(num_tasks), np.arange(num_tasks)[::-1]
    losses = np.linspace(0.2, 0.8, num_tasks)
    found = factors(method(name), observed(losses, g))
    other = factors(method(name), observed(losses[order], g[order]))
    np.testing.assert_allclose(found[order], other, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["cagrad", "mgda", "pcgrad"])
def test_task_without_rows_leaves_the_others_as_if_it_were_not_there(name: str) -> None:
    g = gradients(3)
    g[1] = 0.0
    has_rows = np.array([True, False, True])
    found = factors(method(name), observed([0.2, 0.0, 0.4], g, has_rows=has_rows))
    expected = factors(method(name), observed([0.2, 0.4], g[[0, 2]]))
    np.testing.assert_allclose(found[[0, 2]], expected, rtol=1e-4)
    assert np.isfinite(found).all()


@pytest.mark.parametrize("name", METHODS)
def test_step_without_any_shared_entry_keeps_all_numbers_finite(name: str) -> None:
    balancing = method(name)
    observation = observed(
        [0.3, 0.0], np.zeros((2, 4)), has_rows=np.array([1, 0], bool)
    )
    state = balancing.next_state(started(balancing, 2), observation)
    for values in state.values():
        assert np.isfinite(values.numpy()).all()
    assert np.isfinite(balancing.gradient_factors(state, observation).numpy()).all()
    assert np.isfinite(balancing.loss_weights(state, 2).numpy()).all()


# Uncertainty


def test_uncertainty_trains_the_papers_sum() -> None:
    balancing = method("uncertainty")
    state, adam = started(balancing, 2), Adam([0.0, 0.0], RATE)
    random = np.random.default_rng(0)
    for step in range(20):
        losses = random.uniform(0.1, 2.0, 2)
        s = adam.step(-np.exp(-adam.values) * losses + 0.5)
        state = balancing.next_state(state, observed(losses, step=step))
        found = balancing.loss_weights(state, 2).numpy()
        np.testing.assert_allclose(found, np.exp(-s), rtol=1e-4)


@pytest.mark.slow
def test_uncertainty_ends_at_1_over_twice_the_loss() -> None:
    balancing = method("uncertainty")
    state, losses = started(balancing, 3), [0.05, 0.5, 2.0]
    for step in range(400):
        state = balancing.next_state(state, observed(losses, step=step))
    found = balancing.loss_weights(state, 3).numpy()
    np.testing.assert_allclose(found, [10.0, 1.0, 0.25], rtol=0.02)


def test_uncertainty_of_a_task_without_rows_stays() -> None:
    balancing = method("uncertainty")
    observation = observed([0.1, 0.0], has_rows=np.array([True, False]))
    state = balancing.next_state(started(balancing, 2), observation)
    found = balancing.loss_weights(state, 2).numpy()
    assert found[0] > 1
    assert found[1] == 1


# DWA


def test_dwa_compares_the_mean_losses_of_the_last_two_epochs() -> None:
    balancing = method("dwa")
    epochs = np.array(
        [[[0.9, 0.5], [0.7, 0.7]], [[0.6, 0.6], [0.4, 0.5]], [[0.5, 0.2], [0.3, 0.4]]]
    )  # (epochs, steps, tasks)
    means = epochs.mean(axis=1)
    state = started(balancing, 2)
    for n, losses_of_steps in enumerate(epochs):
        expected = np.ones(2)
        if n >= 2:
            e = np.exp(means[n - 1] / means[n - 2] / 2.0)  # temperature 2
            expected = 2 * e / e.sum()
        for i, losses in enumerate(losses_of_steps):
            found = balancing.loss_weights(state, 2).numpy()
            np.testing.assert_allclose(found, expected, rtol=FLOAT32)
            observation = observed(losses, ends_epoch=i == 1)
            state = balancing.next_state(state, observation)


def test_dwa_averages_over_the_steps_that_have_rows_of_the_task() -> None:
    balancing = method("dwa")
    state = started(balancing, 2)
    first = observed([0.8, 0.0], has_rows=np.array([True, False]))
    second = observed([0.6, 0.5], ends_epoch=True)
    for observation in (first, second):
        state = balancing.next_state(state, observation)
    np.testing.assert_allclose(state["last_epoch"].numpy(), [0.7, 0.5], rtol=FLOAT32)


# GradNorm


def test_gradnorm_descends_the_papers_loss_and_keeps_the_sum() -> None:
    balancing = method("gradnorm")
    state, adam = started(balancing, 3), Adam(np.ones(3), RATE)
    random = np.random.default_rng(1)
    first = None
    for step in range(30):
        losses, g = random.uniform(0.2, 1.0, 3), gradients(3, seed=step)
        first = losses if first is None else first
        w = adam.values
        norms = np.linalg.norm(g, axis=1)  # of w_t L_t
        ratio = losses / first
        target = norms.mean() * (ratio / ratio.mean()) ** 1.5

        def loss(w: Any, norms: Any = norms / w, target: Any = target) -> float:
            return float(np.abs(w * norms - target).sum())

        # The gradient by finite differences; the target is a constant.
        shifts = 1e-6 * np.eye(3)
        slope = np.array([(loss(w + d) - loss(w - d)) / 2e-6 for d in shifts])
        adam.step(slope)
        adam.values = 3 * adam.values / adam.values.sum()
        state = balancing.next_state(state, observed(losses, g, step=step))
        found = balancing.loss_weights(state, 3).numpy()
        np.testing.assert_allclose(found, adam.values, rtol=1e-3)
        assert found.sum() == pytest.approx(3, rel=FLOAT32)


def test_gradnorm_gives_weight_to_the_task_that_learns_slowly() -> None:
    balancing = method("gradnorm")
    state = balancing.next_state(started(balancing, 2), observed([1.0, 1.0], np.eye(2)))
    for step in range(1, 30):
        observation = observed([0.2, 0.9], np.eye(2), step=step)
        state = balancing.next_state(state, observation)
    weights = balancing.loss_weights(state, 2).numpy()
    assert weights[0] < 0.6
    assert weights[1] > 1.4


def test_gradnorm_reads_the_last_matrix_that_most_tasks_train() -> None:
    balancing = method("gradnorm")
    first, most, later = gradients(3, 1), gradients(3, 2), gradients(3, 3)
    later[2] = 0.0
    found, same = (
        balancing.next_state(
            started(balancing, 3), observed([0.5, 0.7, 0.6], np.stack(matrices))
        )["mean"].numpy()
        for matrices in ([first, most, later], [most])
    )
    np.testing.assert_allclose(found, same, rtol=FLOAT32)


def test_gradnorm_reads_the_last_shared_matrix() -> None:
    balancing = method("gradnorm")
    first, last, own = gradients(2, 1), gradients(2, 2), np.zeros((2, 6))
    states = [
        balancing.next_state(
            started(balancing, 2), observed([0.5, 0.7], np.stack(matrices))
        )
        for matrices in ([first, last, own], [last], [first])
    ]
    found, same, other = (state["mean"].numpy() for state in states)
    np.testing.assert_allclose(found, same, rtol=FLOAT32)
    assert (found != other).any()


def test_gradnorm_without_a_shared_matrix_reads_all_shared_weights() -> None:
    balancing = method("gradnorm")
    one, other = gradients(2, 1), gradients(2, 2)
    observation = observed([0.5, 0.7], np.stack([one, other]))
    both = observed([0.5, 0.7], np.concatenate([one, other], axis=1))
    states = [
        balancing.next_state(started(balancing, 2), x)
        for x in (observation._replace(matrices=()), both)
    ]
    found, expected = (state["mean"].numpy() for state in states)
    np.testing.assert_allclose(found, expected, rtol=FLOAT32)


# PCGrad


def pcgrad(g: Any, orders: Any) -> Any:
    """The sum of the projected gradients; `orders` has the other tasks of each task."""
    projected = g.copy()
    for i, order in enumerate(orders):
        for j in order:
            dot = projected[i] @ g[j]
            if j != i and dot < 0:
                projected[i] -= dot / (g[j] @ g[j]) * g[j]
    return projected.sum(axis=0)


@pytest.mark.parametrize("seed", range(6))
def test_pcgrad_projects_two_gradients_as_the_paper_does(seed: int) -> None:
    g = gradients(2, seed)
    a = factors(method("pcgrad"), observed([0.5, 0.5], g))
    np.testing.assert_allclose(a @ g, pcgrad(g, [[1], [0]]), rtol=1e-4, atol=1e-5)


def test_pcgrad_projects_in_random_orders() -> None:
    g = gradients(4, seed=3)
    found = {
        tuple(np.round(factors(method("pcgrad"), observed([1.0] * 4, g, seed=s)), 4))
        for s in range(12)
    }
    assert len(found) > 1
    each = [list(permutations([j for j in range(4) if j != i])) for i in range(4)]
    possible = np.array([pcgrad(g, orders) for orders in product(*each)])
    for a in found:
        distances = np.abs(possible - np.array(a) @ g).max(axis=1)
        assert distances.min() < 1e-3


def test_pcgrad_leaves_gradients_that_agree_as_they_are() -> None:
    g = np.abs(gradients(3))
    np.testing.assert_allclose(factors(method("pcgrad"), observed([1.0] * 3, g)), 1)


# MGDA


def on_simplex(objective: Any, num_tasks: int) -> Any:
    """The minimum over the simplex, by SciPy."""
    best = minimize(
        objective,
        np.full(num_tasks, 1 / num_tasks),
        bounds=[(0, 1)] * num_tasks,
        constraints={"type": "eq", "fun": lambda w: w.sum() - 1},
        method="SLSQP",
        options={"ftol": 1e-12, "maxiter": 500},
    )
    assert best.success
    return best.x


@pytest.mark.parametrize("seed", range(6))
def test_mgda_of_two_tasks_has_its_closed_form(seed: int) -> None:
    g = gradients(2, seed, size=2)
    (a, b), (_, c) = g @ g.T
    alpha = np.clip((c - b) / (a + c - 2 * b), 0, 1)
    found = factors(method("mgda"), observed([0.5, 0.5], g))
    np.testing.assert_allclose(found, [2 * alpha, 2 - 2 * alpha], atol=1e-4)


@pytest.mark.parametrize("num_tasks", [3, 8])
def test_mgda_finds_the_shortest_mean_and_lowers_every_loss(num_tasks: int) -> None:
    g = gradients(num_tasks, seed=num_tasks, size=12)
    found = factors(method("mgda"), observed([0.5] * num_tasks, g)) / num_tasks
    alpha = on_simplex(lambda w: ((w @ g) ** 2).sum(), num_tasks)
    assert found.sum() == pytest.approx(1, rel=FLOAT32)
    shortest, length = np.linalg.norm(alpha @ g), np.linalg.norm(found @ g)
    assert length == pytest.approx(shortest, rel=1e-3)
    assert (g @ (found @ g) > (1 - 1e-2) * length**2).all()


@pytest.mark.parametrize("seed", range(3))
def test_mgda_finds_the_shortest_mean_if_norms_differ_widely(seed: int) -> None:
    random, num_tasks = np.random.default_rng(seed), 20
    norms = np.exp(2.3 * random.normal(size=(num_tasks, 1)))  # factors up to 1e4
    g = norms * random.normal(size=(num_tasks, 200))
    # Least squares with the row `sum_t alpha_t = 1` at a large weight.
    scaled = g.T / np.linalg.norm(g, axis=1).min()
    rows = np.vstack([scaled, np.full(num_tasks, 1e4)])
    alpha, _ = nnls(rows, [*np.zeros(200), 1e4], maxiter=10_000)
    shortest = np.linalg.norm(alpha @ g) / alpha.sum()
    found = factors(method("mgda"), observed([0.5] * num_tasks, g)) / num_tasks
    assert np.linalg.norm(found @ g) == pytest.approx(shortest, rel=0.01)


# CAGrad


@pytest.mark.parametrize("radius", [0.0, 0.4, 0.9])
@pytest.mark.parametrize("num_tasks", slow_except([2, 8], [2, 3, 8]))
def test_cagrad_takes_the_best_direction_for_the_worst_task(
    num_tasks: int, radius: float
) -> None:
    g = gradients(num_tasks, seed=num_tasks, size=12)
    mean = g.mean(axis=0)
    distance = radius * np.linalg.norm(mean)

    def dual(w: Any) -> float:
        return float(w @ g @ mean + distance * np.linalg.norm(w @ g))

    alpha = on_simplex(dual, num_tasks)
    d = mean + distance * alpha @ g / np.linalg.norm(alpha @ g)
    a = factors(method("cagrad", f"radius={radius}"), observed([0.5] * num_tasks, g))
    found = a @ g * (1 + radius**2) / num_tasks
    assert np.linalg.norm(found - mean) <= distance * (1 + 1e-4) + 1e-6
    size = np.linalg.norm(mean) * np.linalg.norm(g, axis=1).mean()
    assert (g @ found).min() == pytest.approx((g @ d).min(), abs=0.02 * size)
    if not radius:
        np.testing.assert_allclose(a, 1.0, rtol=FLOAT32)


# MetaBalance


@pytest.mark.parametrize("strategy", ["reduce", "enlarge", "both"])
@pytest.mark.parametrize("target", [None, 1])
def test_metabalance_scales_each_weight_by_its_own_norms(
    strategy: str, target: int | None
) -> None:
    overrides = [f"strategy={strategy}", "relax=0.7", "beta=0.9"]
    balancing = method("metabalance", *overrides).model_copy(
        update={"target_task": None if target is None else f"task_{target}"}
    )
    state, m = started(balancing, 3, num_weights=2), np.zeros((2, 3))
    for step in range(5):
        g = np.stack([gradients(3, 2 * step), gradients(3, 2 * step + 1)])  # (P, T, 6)
        m = 0.9 * m + 0.1 * np.linalg.norm(g, axis=2)
        ratio = m[:, [target or 0]] / m
        expected = 0.7 * ratio + 0.3
        if strategy == "reduce":
            expected = np.where(ratio < 1, expected, 1)
        if strategy == "enlarge":
            expected = np.where(ratio > 1, expected, 1)
        observation = observed([0.5] * 3, g, step=step)
        state = balancing.next_state(state, observation)
        found = balancing.gradient_factors(state, observation).numpy()
        np.testing.assert_allclose(found, expected, rtol=1e-4)
        np.testing.assert_allclose(found[:, target or 0], 1, rtol=1e-6)


def test_metabalance_names_the_tasks_of_a_wrong_target() -> None:
    with pytest.raises(ConfigError) as failed:
        method("metabalance", "target_task=incom")
    assert str(failed.value) == (
        "balancing.target_task: no task 'incom' in this run, which has income, "
        "never_married; did you mean income?"
    )


# Tasks that come late


def test_metabalance_of_a_task_that_comes_late_starts_at_its_norm() -> None:
    balancing = method("metabalance")
    state, g = started(balancing, 2), np.eye(2)
    only_first = observed([0.5, 0.0], g * [[1], [0]], has_rows=np.array([True, False]))
    for _ in range(50):
        state = balancing.next_state(state, only_first)
    observation = observed([0.5, 0.5], g)
    state = balancing.next_state(state, observation)
    np.testing.assert_allclose(
        balancing.gradient_factors(state, observation), 1, rtol=1e-4
    )


def test_dwa_leaves_out_epochs_without_rows_of_a_task() -> None:
    balancing = method("dwa")
    state = started(balancing, 2)
    for losses in ([0.8, 0.6], [0.6, 0.5], [0.5, 0.0], [0.4, 0.3]):
        has_rows = np.array(losses) > 0
        observation = observed(losses, ends_epoch=True, has_rows=has_rows)
        state = balancing.next_state(state, observation)
    e = np.exp(np.array([0.4 / 0.5, 0.3 / 0.5]) / 2)
    found = balancing.loss_weights(state, 2).numpy()
    np.testing.assert_allclose(found, 2 * e / e.sum(), rtol=FLOAT32)


@pytest.mark.parametrize("name", ["gradnorm", "uncertainty"])
def test_trained_weight_of_a_task_without_rows_stays(name: str) -> None:
    balancing, g = method(name), gradients(3)
    g[1] = 0.0
    state, has_rows = started(balancing, 3), np.array([True, False, True])
    for step in range(20):
        observation = observed([0.9, 0.0, 0.1], g, step, has_rows=has_rows)
        state = balancing.next_state(state, observation)
    weights = balancing.loss_weights(state, 3).numpy()
    assert weights[1] == 1
    assert abs(weights - 1)[[0, 2]].min() > 0.05


def test_first_step_of_a_late_task_is_as_long_as_the_learning_rate() -> None:
    balancing = method("uncertainty")
    state = started(balancing, 2)
    for step in range(20):
        observation = observed([0.9, 0.0], step=step, has_rows=np.array([True, False]))
        state = balancing.next_state(state, observation)
    state = balancing.next_state(state, observed([0.9, 0.7], step=20))
    assert abs(state["values"].numpy()[1]) == pytest.approx(RATE, rel=1e-3)


def test_uncertainty_of_a_loss_of_0_is_limited() -> None:
    balancing = method("uncertainty", "learning_rate=0.5")
    state = started(balancing, 2)
    for step in range(60):
        state = balancing.next_state(state, observed([0.0, 0.5], step=step))
    weights = balancing.loss_weights(state, 2).numpy()
    np.testing.assert_allclose(weights, [1000, 1], rtol=1e-3)


# Keys


def test_dwa_divides_by_its_temperature() -> None:
    balancing = method("dwa", "temperature=0.5")
    state = started(balancing, 2)
    for losses in ([0.8, 0.6], [0.6, 0.5]):
        state = balancing.next_state(state, observed(losses, ends_epoch=True))
    e = np.exp(np.array([0.6 / 0.8, 0.5 / 0.6]) / 0.5)
    found = balancing.loss_weights(state, 2).numpy()
    np.testing.assert_allclose(found, 2 * e / e.sum(), rtol=FLOAT32)


def test_gradnorm_of_alpha_0_ignores_the_losses() -> None:
    balancing, found = method("gradnorm", "alpha=0"), []
    for losses in ([0.5, 0.5], [0.1, 0.9]):
        first = observed([1.0, 1.0], gradients(2))
        state = balancing.next_state(started(balancing, 2), first)
        second = observed(losses, gradients(2), step=1)
        found.append(balancing.next_state(state, second)["values"].numpy())
    np.testing.assert_array_equal(*found)
    assert (found[0] != 1).all()


@pytest.mark.parametrize(("relax", "beta"), [(1.0, 0.5), (0.2, 0.0)])
def test_metabalance_relaxes_and_averages_as_its_keys_say(
    relax: float, beta: float
) -> None:
    balancing = method("metabalance", f"relax={relax}", f"beta={beta}")
    state, m = started(balancing, 2), np.zeros(2)
    for step in range(3):
        g = gradients(2, step)
        m = beta * m + (1 - beta) * np.linalg.norm(g, axis=1)
        observation = observed([0.5] * 2, g, step=step)
        state = balancing.next_state(state, observation)
    found = balancing.gradient_factors(state, observation).numpy()[0]
    expected = [1, relax * m[0] / m[1] + 1 - relax]
    np.testing.assert_allclose(found, expected, rtol=1e-4)
