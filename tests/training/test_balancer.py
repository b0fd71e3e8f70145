"""Balanced steps: the gradient of each task, and what the optimizer makes of them."""

from typing import Any, ClassVar

import numpy as np
import pytest
import tensorflow as tf
from helpers import networks
from helpers.composition import composed
from helpers.planted_data import fitted_features, planted, values
from helpers.slow import slow_except
from omegaconf import OmegaConf

from mtl_cli.balancing.base import Balancing, Observation, State
from mtl_cli.config.run_config import Config
from mtl_cli.core import tensorflow_runtime
from mtl_cli.data.table import Table
from mtl_cli.layers import FusedEmbedding
from mtl_cli.network.build import build
from mtl_cli.network.network import Network
from mtl_cli.training import lazy_tables
from mtl_cli.training.feed import MemoryFeed
from mtl_cli.training.steps import Steps

FEATURES = {
    "user": {"kind": "sparse"},
    "item": {"kind": "sparse"},
    "price": {"kind": "dense", "transform": "standard"},
}
TASKS = {
    "click": {"label": "click", "kind": "binary"},
    "buy": {"label": "buy", "kind": "binary", "weight": 3.0},
    "amount": {
        "label": "amount",
        "kind": "regression",
        "loss": "huber",
        "transform": "none",
    },
}
ROWS = 64  # one step
RATE = 0.5
FACTORS = [0.5, 2.0, -1.0]
SGD = [
    "optimizer=sgd",
    f"optimizer.learning_rate={RATE}",
    "optimizer.momentum=0",
    "model.tower_units=[4]",
    "encoder.embedding_dim=4",
    "trainer.batch_size=64",
    "trainer.patience=null",
    "trainer.compile=false",
]


class Recorder(Balancing):
    """Multiplies the tasks' gradients by known factors, and records what it sees."""

    reads_gradients = True
    kept: ClassVar[list[Observation]] = []

    def loss_weights(self, state: State, num_tasks: int) -> Any:
        return tf.constant([1.0, 1.0, 2.0])

    def next_state(self, state: State, observation: Observation) -> State:
        self.kept.append(observation)
        return state

    def gradient_factors(self, state: State, observation: Observation) -> Any:
        return tf.constant(factors_of(observation.products.shape[0]), tf.float32)


def factors_of(num_weights: int) -> Any:
    """Returns other factors for each weight of the network, (P, T)."""
    return np.outer(1 + np.arange(num_weights) / 10, FACTORS)


def chosen(*overrides: str, method: Balancing | None = None) -> Config:
    is_other = any(override.startswith("model=") for override in overrides)
    small = () if is_other else ("model=shared_bottom", "model.bottom_units=[8]")
    keys = OmegaConf.to_container(composed(*small, *SGD, *overrides), resolve=True)
    dataset = {"dataset": values("never read", FEATURES, TASKS)}
    configured = Config.model_validate({**keys, **dataset})  # type: ignore[dict-item]
    if method is None:
        return configured
    return configured.model_copy(update={"balancing": method})


def table_of(configured: Config) -> Table:
    rows = planted(ROWS)
    feature_set = fitted_features(configured.dataset.features, planted())
    tasks = configured.chosen_tasks
    labels = {
        name: np.array(task.read_labels(name, rows[task.label]))
        for name, task in tasks.items()
    }
    weights = {name: np.ones(ROWS, "float32") for name in tasks}
    weights["buy"][::2] = 0.0  # rows without this label
    return Table(feature_set.encode(rows), labels, weights)


def built(configured: Config) -> Network:
    tensorflow_runtime.start(configured.seed, deterministic=True)
    feature_set = fitted_features(configured.dataset.features, planted())
    return build(configured, feature_set.layout)


def after_steps(configured: Config, num_epochs: int = 1) -> tuple[Network, Any]:
    """The network after epochs of one step, and the values that the steps return."""
    network, table = built(configured), table_of(configured)
    steps = Steps(configured, network, ROWS)
    feed = MemoryFeed(table, list(configured.chosen_tasks))
    found = [
        step_values
        for number in range(1, num_epochs + 1)
        for step_values in steps.epoch(
            [feed.buffer(np.arange(ROWS), steps.batch_size)], number
        )
    ]
    steps.copy_tables_to_network()
    return network, np.concatenate(found)


def task_gradients(network: Network, table: Table) -> list[list[Any]]:
    """The gradient of each task's loss, one array for each weight of the network."""
    variables = [v.value for v in network.logits.trainable_variables]
    with tf.GradientTape(persistent=True) as tape:
        logits = network.logits(table.features, training=True)
        losses = []
        for name, task in TASKS.items():
            y, w = table.labels[name].astype("float32"), table.weights[name]
            z = logits[name][:, 0]
            if task["kind"] == "binary":
                each = tf.nn.sigmoid_cross_entropy_with_logits(y, z)
            else:
                d = tf.abs(y - z)
                each = tf.where(d < 1, d**2 / 2, d - 0.5)
            losses.append(tf.reduce_sum(w * each) / w.sum())
    return [
        [
            tf.convert_to_tensor(x).numpy()
            for x in tape.gradient(loss, variables, unconnected_gradients="zero")
        ]
        for loss in losses
    ]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "eager"),
    [
        ("", True),
        ("optimizer.lazy=true", True),
        ("model=mmoe model.num_experts=3 model.expert_units=[6]", True),
        ("model=mmoe model.num_experts=3 model.expert_units=[6]", False),
        pytest.param(
            "model=mmoe model.num_experts=3 optimizer.lazy=true trainer.compile=true",
            False,
            marks=pytest.mark.slow,
        ),
        pytest.param(
            "model=ple model.num_specific_experts=2 trainer.compile=true",
            False,
            marks=pytest.mark.slow,
        ),
    ],
    indirect=["eager"],
)
def test_shared_entries_get_the_factors_and_others_their_own_gradient(
    options: str, eager: None
) -> None:
    Recorder.kept.clear()
    configured = chosen(*options.split(), method=Recorder(name="recorder"))
    before = built(configured)
    start = before.logits.get_weights()
    gradients = task_gradients(before, table_of(configured))
    network, found = after_steps(configured)
    weights = np.array([1.0, 3.0, 2.0])  # of the data set, times those of the method
    num_shared = num_own = 0
    names = [variable.name for variable in before.logits.trainable_variables]
    is_lazy = "lazy=true" in options
    order = sorted(range(len(names)), key=lambda i: is_lazy and names[i] == "table")
    squares, weighted_squares = np.zeros(3), np.zeros(3)
    after = network.logits.get_weights()
    for factors, i in zip(factors_of(len(names)), order, strict=True):
        g = np.stack([weights[t] * gradients[t][i] for t in range(3)])
        is_shared = (g != 0).sum(axis=0) > 1
        num_shared += is_shared.sum()
        num_own += ((g != 0).sum(axis=0) == 1).sum()
        combined = np.tensordot(factors, g, 1)
        step = np.where(is_shared, combined, g.sum(axis=0))
        np.testing.assert_allclose(after[i], start[i] - RATE * step, atol=1e-5)
        square = np.where(is_shared, g**2, 0.0).reshape(3, -1).sum(axis=1)
        squares += square
        weighted_squares += factors * square
    assert num_shared > 100
    assert num_own > 20
    # The third value of a step is the weight of the task.
    mean_factors = weighted_squares / squares
    np.testing.assert_allclose(found[0, 2], mean_factors * [1, 1, 2], rtol=1e-4)


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize("lazy", slow_except(["true"], ["false", "true"]))
def test_inner_products_count_each_row_of_a_table_once(lazy: str) -> None:
    # A batch reads most ids several times. The square of a sum is not the sum of the
    # squares.
    Recorder.kept.clear()
    options = [f"optimizer.lazy={lazy}"]
    configured = chosen(*options, method=Recorder(name="recorder"))
    gradients = task_gradients(built(configured), table_of(configured))
    network, _ = after_steps(configured)
    observation = Recorder.kept[-1]
    expected = []
    for i, weight in enumerate(network.logits.trainable_variables):
        g = np.stack([w * gradients[t][i] for t, w in enumerate([1.0, 3.0, 2.0])])
        g = np.where((g != 0).sum(axis=0) > 1, g, 0.0).reshape(3, -1)
        expected.append((weight.path.split("/")[0], g @ g.T))
    found = observation.products.numpy()
    assert len(found) == len(expected)
    # A lazy table comes after all other weights.
    np.testing.assert_allclose(
        sorted(found.sum(axis=(1, 2))),
        sorted(products.sum() for _, products in expected),
        rtol=1e-3,
        atol=1e-6,
    )
    # The table and the kernel of the bottom network, but not its bias, nor the towers.
    (_, table), (bottom_layer, kernel), *_ = expected
    assert bottom_layer == "bottom"
    np.testing.assert_allclose(
        found[list(observation.matrices)], [table, kernel], rtol=1e-3, atol=1e-6
    )
    np.testing.assert_allclose(
        found.sum(axis=0), sum(products for _, products in expected), rtol=1e-4
    )
    assert observation.has_rows.numpy().all()
    assert observation.ends_epoch.numpy()


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize(
    ("options", "last_shared_layer"),
    [
        ("model=mmoe", "experts"),
        # ESMM's product of two towers trains the last layer of both.
        ("model=shared_bottom model.heads=esmm", "bottom"),
        ("model=esmm", "embedding"),
        ("model=esmm encoder=deepfm optimizer.lazy=true", "embedding"),
        # DeepCTR's layers name their kernels otherwise.
        ("model=esmm encoder=dcnv2", "cross_net"),
        ("model=shared_bottom model.towers=ppnet", "bottom"),
    ],
)
def test_last_shared_layer_is_no_tower(options: str, last_shared_layer: str) -> None:
    configured = chosen(*options.split(), "tasks=[click,buy]")
    network = built(configured)
    step = Steps(configured, network, ROWS).step
    variables = step.model.trainable_variables
    lazy_layers = [table.layer.name for table in step.tables]
    layers = [variable.path.split("/")[0] for variable in variables] + lazy_layers
    # Keras numbers DeepCTR's layers if other tests have made layers of the same class.
    assert layers[step.balancer.matrices[-1]].startswith(last_shared_layer)


@pytest.mark.usefixtures("eager")
def test_lazy_tables_are_in_the_order_of_the_layers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(FEATURES, "user", {"kind": "sparse", "embedding_dim": 2})
    shapes = []
    for lazy in ("false", "auto"):
        configured = chosen("model=esmm", f"optimizer.lazy={lazy}", "tasks=[click,buy]")
        network = built(configured)
        tables = [
            layer.table
            for layer in network.logits.layers
            if isinstance(layer, FusedEmbedding)
        ]
        sizes = [np.prod(table.shape) for table in tables]
        assert len(set(sizes)) == len(sizes) == 2
        monkeypatch.setattr(lazy_tables, "LARGE_TABLE", max(sizes) - 1)
        step = Steps(configured, network, ROWS).step
        variables = [*step.model.trainable_variables]
        variables += [table.layer.table for table in step.tables]
        shapes.append([variables[i].shape for i in step.balancer.matrices])
    assert len(step.tables) == 1
    assert shapes[0] == shapes[1]


class Equal(Balancing):
    """Reads the gradients of the tasks, and changes nothing."""

    reads_gradients = True


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize(
    "options",
    [
        pytest.param("model.l2=0.1 encoder.l2_embedding=0.1", marks=pytest.mark.slow),
        pytest.param(
            "model.l2=0.1 encoder.l2_embedding=0.1 optimizer.lazy=true",
            marks=pytest.mark.slow,
        ),
        "optimizer.clip_norm=0.1",
        "model.members=2",
        pytest.param(
            "model=mmoe model.gate=dselect_k model.gate_entropy=0.1",
            marks=pytest.mark.slow,
        ),
        pytest.param("model.heads=ordered tasks=[click,buy]", marks=pytest.mark.slow),
    ],
)
def test_factors_of_1_change_nothing(options: str) -> None:
    overrides = options.split()
    expected, _ = after_steps(chosen(*overrides), num_epochs=2)
    configured = chosen(*overrides, method=Equal(name="equal"))
    found, _ = after_steps(configured, num_epochs=2)
    for a, b in zip(
        found.logits.get_weights(), expected.logits.get_weights(), strict=True
    ):
        np.testing.assert_allclose(a, b, atol=1e-5)


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize(
    "name", slow_except(["gradnorm"], ["gradnorm", "metabalance", "cagrad"])
)
def test_network_whose_weights_are_all_frozen_has_steps_that_change_nothing(
    name: str,
) -> None:
    configured = chosen(f"balancing={name}")
    network, table = built(configured), table_of(configured)
    network.logits.trainable = False
    before = network.logits.get_weights()
    steps = Steps(configured, network, ROWS)
    feed = MemoryFeed(table, list(configured.chosen_tasks))
    (found,) = steps.epoch([feed.buffer(np.arange(ROWS), steps.batch_size)])
    assert (found[:, 2] == 1).all()
    for old, new in zip(before, network.logits.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


@pytest.mark.usefixtures("eager")
def test_weights_of_losses_reach_the_step_of_the_same_number() -> None:
    configured = chosen("balancing=uncertainty")
    _, found = after_steps(configured, num_epochs=3)
    losses, weights = found[:, 0], found[:, 2]
    assert (weights[0] == 1).all()
    is_above = losses[0] < 0.5  # then s falls, and the weight rises
    assert ((weights[1] > 1) == is_above).all()
    assert (weights[2] != weights[1]).all()


@pytest.mark.slow
@pytest.mark.usefixtures("eager")
def test_steps_of_dwa_know_the_ends_of_epochs() -> None:
    configured = chosen("balancing=dwa")
    _, found = after_steps(configured, num_epochs=4)
    losses, weights = found[:, 0], found[:, 2]
    np.testing.assert_array_equal(weights[:2], 1)
    e = np.exp(losses[1] / losses[0] / 2)
    np.testing.assert_allclose(weights[2], 3 * e / e.sum(), rtol=1e-5)


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize("model", slow_except(["ple"], networks.MODELS))
def test_every_model_is_balanced_by_its_gradients(model: str) -> None:
    Recorder.kept.clear()
    configured = networks.config(f"model={model}", *SGD[2:], "optimizer=sgd")
    dataset = values("never read", FEATURES, TASKS)
    scenario = {"scenario": "item"} if model in networks.SCENARIO_MODELS else {}
    keys = configured.model_dump() | {"dataset": dataset | scenario}
    keys["balancing"] = {"name": "fixed"}
    balanced = Config.model_validate(keys).model_copy(
        update={"balancing": Recorder(name="recorder")}
    )
    network, found = after_steps(balanced)
    assert np.isfinite(found).all()
    assert all(np.isfinite(w).all() for w in network.logits.get_weights())
    squares = np.diagonal(Recorder.kept[-1].products.numpy().sum(axis=0))
    if model == "single_task":
        assert (squares == 0).all()  # its tasks share nothing
    else:
        assert (squares > 0).all()
