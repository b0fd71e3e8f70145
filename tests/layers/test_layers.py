"""What every public layer promises: shapes, weights, training, saving, bfloat16."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np
import pytest
import tensorflow as tf
from helpers.slow import slow_except
from keras import ops

from mtl_cli.layers import (
    Attention,
    BalancedWeights,
    DSelectKGates,
    Expert,
    FeatureGate,
    FusedEmbedding,
    GateNU,
    Gates,
    HardConcrete,
    Mix,
    ParallelDense,
    ParallelMLP,
    PartitionedNorm,
    Route,
    ScenarioGates,
    StarDense,
    StarMLP,
    StaticWeights,
    TargetAttention,
    TopKGates,
    connect_towers,
    experts_of,
    extract,
)
from mtl_cli.layers.calibration import Calibration
from mtl_cli.layers.gates import mix_tensors
from mtl_cli.layers.parallel_norms import ParallelBatchNorm, ParallelLayerNorm

BATCH, DIM = 8, 6
X = (DIM,)
IDS = "ids"
SCENARIO = "scenario"


class Case(NamedTuple):
    """A layer, or a function that connects layers, with what is known of it.

    Attributes:
        connect: gives the output for the inputs.
        inputs: a shape for each input, without the batch; `IDS` for three ids,
            `SCENARIO` for the weights of four scenarios.
        output: the shape of the output.
        weights: how many numbers the layers hold.
    """

    connect: Callable[..., Any]
    inputs: list[Any]
    output: tuple[int, ...]
    weights: int


def two_levels(x: Any) -> Any:
    experts = ParallelMLP(3 * 2, [4]), ParallelMLP(1, [4])
    tasks, shared = extract(x, x, *experts, Gates(3, 2 + 1), Gates(1, 7))
    experts = ParallelMLP(3 * 2, [5]), ParallelMLP(1, [5])
    tasks, _ = extract(tasks, shared, *experts, Gates(3, 2 + 1))
    return tasks


def towers_of_three_tasks(x: Any) -> Any:
    widths = [(4, 1), (1,), (4, 1)]
    return keras.ops.stack(connect_towers(x, widths, activation="tanh"))


# A kernel of ParallelDense holds num * dim * units numbers, a bias num * units.
EXPERTS = 3 * (DIM * 4 + 4)
LEVEL_1 = 7 * (DIM * 4 + 4) + 3 * DIM * 3 + DIM * 7
LEVEL_2 = 7 * (4 * 5 + 5) + 3 * 4 * 3
CASES = {
    "ParallelDense": Case(
        lambda x: ParallelDense(3, 4)(x), [X], (3, BATCH, 4), EXPERTS
    ),
    "ParallelDense without bias": Case(
        lambda x: ParallelDense(3, 4, use_bias=False, l2=0.1, initializer="he_normal")(
            x
        ),
        [X],
        (3, BATCH, 4),
        3 * DIM * 4,
    ),
    "ParallelMLP": Case(
        lambda x: ParallelMLP(3, [4, 5], "tanh")(x),
        [X],
        (3, BATCH, 5),
        EXPERTS + 3 * (4 * 5 + 5),
    ),
    "ParallelMLP with batch norm": Case(
        lambda x: ParallelMLP(3, [4], batch_norm=True, dropout=0.25)(x),
        [X],
        (3, BATCH, 4),
        EXPERTS + 4 * 3 * 4 + 3,
    ),
    "ParallelMLP with layer norm": Case(
        lambda x: ParallelMLP(3, [4, 5], layer_norm=True)(x),
        [X],
        (3, BATCH, 5),
        EXPERTS + 3 * (4 * 5 + 5) + 2 * 3 * (4 + 5),
    ),
    "ParallelMLP of layers by group": Case(
        lambda x: ParallelMLP(4, [5])(ParallelDense(2, 3)(x)),
        [X],
        (4, BATCH, 5),
        2 * (DIM * 3 + 3) + 4 * (3 * 5 + 5),
    ),
    "Gates": Case(lambda x: Gates(2, 3)(x), [X], (2, BATCH, 3), 2 * DIM * 3),
    "Gates with hidden layers": Case(
        lambda x: Gates(2, 3, [4], activation="tanh", l2=0.1)(x),
        [X],
        (2, BATCH, 3),
        2 * (DIM * 4 + 4) + 2 * 4 * 3,
    ),
    "Attention": Case(
        lambda x: Attention([Route(1, [Expert(0), Expert(1)])])(
            ParallelDense(2, 4)(x), ParallelDense(2, 4)(x)
        ),
        [X],
        (1, BATCH, 2),
        4 * (DIM * 4 + 4),
    ),
    "DSelectKGates": Case(
        lambda x: DSelectKGates(2, 4, [5], activation="tanh", l2=0.1)(x),
        [X],
        (2, BATCH, 4),
        2 * (DIM * 5 + 5) + 2 * (5 + 1) * (2 * 2 + 2),
    ),
    "DSelectKGates that are static": Case(
        lambda x: DSelectKGates(2, 4, num_selected=3, is_static=True)(x),
        [X],
        (2, BATCH, 4),
        2 * (3 * 2 + 3),
    ),
    "TopKGates": Case(
        lambda x: TopKGates(2, 3)(x), [X], (2, BATCH, 3), 2 * 2 * DIM * 3
    ),
    "TopKGates without noise": Case(
        lambda x: TopKGates(2, 3, [4], num_selected=2, has_noise=False)(x),
        [X],
        (2, BATCH, 3),
        2 * (DIM * 4 + 4) + 2 * 4 * 3,
    ),
    "Mix": Case(
        lambda x: Mix()(Gates(2, 3)(x), ParallelDense(3, 4)(x)),
        [X],
        (2, BATCH, 4),
        EXPERTS + 2 * DIM * 3,
    ),
    "FusedEmbedding": Case(
        lambda ids: FusedEmbedding([4, 5, 6], 7, num_sets=2)(ids),
        [IDS],
        (2, BATCH, 3, 7),
        15 * 14,
    ),
    "FusedEmbedding of shared tables": Case(
        lambda ids: FusedEmbedding([4, 9], 7, [0, 1, 1], l2=0.1)(ids),
        [IDS],
        (1, BATCH, 3, 7),
        13 * 7,
    ),
    "StaticWeights": Case(
        lambda x: StaticWeights(
            [Route(t, experts_of("shared", 4)) for t in range(3)], [[0.25] * 4] * 3, 2.0
        )(x),
        [X],
        (3, BATCH, 4),
        3 * 4,
    ),
    "BalancedWeights": Case(
        lambda x: BalancedWeights(
            [Route(t, [Expert(i) for i in range(3)]) for t in range(3)], "tasks"
        )(x),
        [X],
        (3, BATCH, 3),
        2,
    ),
    "BalancedWeights of rows": Case(
        lambda x, owned: BalancedWeights([Route(None, experts_of("scenario", 4))])(
            x, owned
        ),
        [X, SCENARIO],
        (1, BATCH, 4),
        2,
    ),
    "ScenarioGates": Case(
        lambda x, scenario: ScenarioGates(Gates(2 * 4, 3), 4)(x, scenario),
        [X, SCENARIO],
        (2, BATCH, 3),
        2 * 4 * DIM * 3,
    ),
    "GateNU": Case(
        lambda x: GateNU(2, 5, [4], activation="tanh", l2=0.1)(x),
        [X],
        (2, BATCH, 5),
        DIM * 4 + 4 + 2 * (4 * 5 + 5),
    ),
    "FeatureGate": Case(
        lambda x: FeatureGate(2, DIM, ranks=[3, 2])(x),
        [X],
        (2, BATCH, DIM),
        2 * (2 * DIM + 2 * DIM * (3 + 2)),
    ),
    "StarDense": Case(
        lambda x, scenario: StarDense(3, 5, l2=0.1)(x, scenario),
        [X, SCENARIO],
        (3, BATCH, 5),
        3 * (1 + 4) * (DIM * 5 + 5),
    ),
    "StarMLP": Case(
        lambda x, scenario: StarMLP(3, [5, 2], "tanh", dropout=0.25)(x, scenario),
        [X, SCENARIO],
        (3, BATCH, 2),
        3 * (1 + 4) * (DIM * 5 + 5 + 5 * 2 + 2),
    ),
    "TargetAttention": Case(
        lambda values, targets, factors: TargetAttention([5], l2=0.1)(
            ops.expand_dims(values, 0), ops.expand_dims(targets, 0), factors
        )[0],
        [(3, DIM), (1, DIM), (3,)],
        (BATCH, 1, DIM),
        3 * DIM * 5 + 5 + 5 + 1,
    ),
    "PartitionedNorm": Case(
        lambda x, scenario: ParallelDense(3, 4)(PartitionedNorm()(x, scenario)),
        [X, SCENARIO],
        (3, BATCH, 4),
        2 * (1 + 4) * DIM + 2 * 4 * DIM + 4 + EXPERTS,
    ),
    "Calibration": Case(
        lambda x: Calibration(1.0, [0.5] * 4)(ParallelDense(3, 4)(x)),
        [X],
        (3, BATCH, 4),
        2 + EXPERTS,
    ),
    "HardConcrete": Case(
        lambda x: HardConcrete([Route(t, experts_of("a", 4)) for t in range(3)])(x),
        [X],
        (3, BATCH, 4),
        3 * 4,
    ),
    "extract": Case(two_levels, [X], (3, BATCH, 5), LEVEL_1 + LEVEL_2),
    "connect_towers": Case(
        towers_of_three_tasks,
        [X],
        (3, BATCH, 1),
        2 * (DIM * 4 + 4) + 2 * (4 + 1) + DIM + 1,
    ),
}


@pytest.fixture(params=CASES)
def case(request: pytest.FixtureRequest) -> Iterator[Case]:
    keras.utils.set_random_seed(1)
    yield CASES[request.param]
    keras.config.set_dtype_policy("float32")


# The default suite saves every third layer, and computes with some in bfloat16.
SAVED = slow_except([*CASES][::3], CASES)
IN_BFLOAT16 = slow_except([*CASES][1::6], CASES)


def data(case: Case) -> list[Any]:
    random = np.random.default_rng(0)
    makers: dict[Any, Callable[[], Any]] = {
        IDS: lambda: random.integers(0, 4, (BATCH, 3)),
        SCENARIO: lambda: np.eye(4, dtype="float32")[random.integers(0, 4, BATCH)],
    }
    return [
        makers[shape]()
        if shape in makers
        else random.normal(size=(BATCH, *shape)).astype("float32")
        for shape in case.inputs
    ]


def model_of(case: Case) -> keras.Model:
    """A functional model around the layer."""
    symbols: dict[Any, Callable[[], Any]] = {
        IDS: lambda: keras.Input((3,), dtype="int32"),
        SCENARIO: lambda: keras.Input((4,)),
    }
    inputs = [
        symbols[shape]() if shape in symbols else keras.Input(shape)
        for shape in case.inputs
    ]
    return keras.Model(inputs, case.connect(*inputs))


def test_output_and_weights_have_the_promised_sizes(case: Case) -> None:
    model = model_of(case)
    symbolic = tuple(BATCH if n is None else n for n in model.output.shape)
    assert symbolic == case.output
    assert model(data(case)).shape == case.output
    assert model.count_params() == case.weights


@pytest.mark.slow
def test_training_moves_every_weight_and_lowers_the_loss(case: Case) -> None:
    model = model_of(case)
    rows = data(case)
    target = np.random.default_rng(1).normal(size=case.output).astype("float32")
    optimizer = keras.optimizers.Adam(0.01)
    before = [w.numpy() for w in model.trainable_weights]

    def error() -> float:
        return float(tf.reduce_mean((model(rows) - target) ** 2))

    error_before = error()
    for _ in range(8):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((model(rows, training=True) - target) ** 2)
            loss += sum(model.losses)
        assert loss.shape == ()
        weights = model.trainable_weights
        optimizer.apply(tape.gradient(loss, weights), weights)
    assert error() < error_before
    for weight, start in zip(model.trainable_weights, before, strict=True):
        assert (weight.numpy() != start).any(), weight.path


# Keras asks NumPy 2 for an array without a copy in a way that NumPy deprecates.
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
@pytest.mark.parametrize("case", SAVED, indirect=True)
def test_saved_model_comes_back_as_it_was(case: Case, tmp_path: Any) -> None:
    model = model_of(case)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    np.testing.assert_array_equal(model(data(case)), loaded(data(case)))
    assert len(loaded.losses) == len(model.losses)
    for ours, theirs in zip(model.layers, loaded.layers, strict=True):
        configs = [json.dumps(layer.get_config()) for layer in (ours, theirs)]
        assert configs[0] == configs[1]  # a tuple comes back as a list


# Keras asks NumPy 2 for an array without a copy in a way that NumPy deprecates.
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
@pytest.mark.parametrize("case", IN_BFLOAT16, indirect=True)
def test_layers_compute_in_bfloat16_on_float32_weights(
    case: Case, tmp_path: Path
) -> None:
    expected = model_of(case)
    keras.config.set_dtype_policy("mixed_bfloat16")
    model = model_of(case)
    model.set_weights(expected.get_weights())
    assert {w.dtype for w in model.weights} == {"float32"}
    for layer in model.layers:
        assert layer.compute_dtype in ("bfloat16", "float32")
    assert "bfloat16" in {layer.compute_dtype for layer in model.layers}
    # bfloat16 keeps 8 bits of each number.
    np.testing.assert_allclose(
        tf.cast(model(data(case)), tf.float32), expected(data(case)), atol=0.1
    )
    model.save(tmp_path / "model.keras")
    keras.config.set_dtype_policy("float32")  # as another process has it
    loaded = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    np.testing.assert_array_equal(model(data(case)), loaded(data(case)))


@pytest.mark.parametrize("layer", [ParallelDense(4, 3), ParallelMLP(4, [3])])
def test_inputs_that_do_not_divide_the_layers_are_refused(layer: Any) -> None:
    with pytest.raises(ValueError, match="num=4 layers cannot read 3 inputs evenly"):
        layer(np.zeros((3, BATCH, DIM), "float32"))


def test_embedding_refuses_ids_of_another_number_of_columns() -> None:
    # One column would be broadcast, and be read from every table.
    for columns in (1, 3):
        with pytest.raises(ValueError, match=f"the input has {columns} columns of ids"):
            FusedEmbedding([4, 5], embedding_dim=2)(np.zeros((BATCH, columns), "int32"))


def test_vectors_of_id_0_start_at_zeros_and_all_others_at_random() -> None:
    layer = FusedEmbedding([4, 5000], embedding_dim=8, stddev=0.05, num_sets=2)
    layer.build((None, 2))
    table = layer.table.numpy()
    assert not table[[0, 4]].any()
    others = np.delete(table, [0, 4], axis=0)
    assert others.all() and others.std() == pytest.approx(0.05, rel=0.02)


def test_mix_refuses_another_number_of_weights_than_experts() -> None:
    # A single weight would be broadcast to all experts.
    experts = np.zeros((3, BATCH, 4), "float32")
    for x in (experts, np.stack([experts, experts])):
        with pytest.raises(ValueError, match="for different numbers of experts"):
            Mix()(np.ones((2, BATCH, 1), "float32"), x)


def test_mix_of_several_tensors_refuses_another_number_of_weights() -> None:
    tensors = [np.zeros((n, BATCH, 4), "float32") for n in (3, 2)]
    for num_weights in (4, 6):
        with pytest.raises(ValueError, match=r"are (for different|not for 5)"):
            mix_tensors(np.ones((2, BATCH, num_weights), "float32"), tensors)


def test_mix_refuses_experts_of_another_number_of_gates() -> None:
    # The weights of a single gate would be broadcast to all gates.
    experts = np.zeros((2, 3, BATCH, 4), "float32")
    with pytest.raises(ValueError, match="for different numbers of gates"):
        Mix()(np.ones((1, BATCH, 3), "float32"), experts)


def test_each_matrix_of_a_feature_gate_is_drawn_by_its_own_shape() -> None:
    layer = FeatureGate(2, 4, ranks=[4, 4], initializer="orthogonal")
    layer.build((BATCH, 4))
    kernels = [np.split(k, [2, 6], axis=1) for k in np.array(layer.down.kernels)]
    for matrices in kernels:  # W_g, B_g1 and B_g2 of a gate
        for matrix in matrices:
            identity = np.eye(matrix.shape[1])
            np.testing.assert_allclose(matrix.T @ matrix, identity, atol=1e-6)
    # No two matrices have the same values.
    b = [matrix for _, *matrices in kernels for matrix in matrices]
    assert len(np.unique(b, axis=0)) == 4


def test_widths_of_towers_may_be_lists() -> None:
    towers = connect_towers(keras.Input((DIM,)), [[8, 1], [8, 1]])
    assert [y.shape for y in towers] == [(None, 1), (None, 1)]


@pytest.mark.parametrize(
    ("norm", "shape"),
    [
        (ParallelBatchNorm, (2, BATCH, DIM)),
        (ParallelLayerNorm, (2, BATCH, DIM)),
        (PartitionedNorm, (BATCH, DIM)),
    ],
)
def test_norms_keep_the_bits_of_float64(norm: Any, shape: tuple[int, ...]) -> None:
    x = np.random.default_rng(0).normal(size=shape)
    more = [np.eye(BATCH)] if norm is PartitionedNorm else []  # the rows' scenarios
    found = {
        dtype: norm(dtype=dtype)(x.astype(dtype), *more, training=True).numpy()
        for dtype in ("float32", "float64")
    }
    assert found["float64"].dtype == np.float64
    assert (found["float64"] != found["float64"].astype("float32")).any()
    np.testing.assert_allclose(found["float64"], found["float32"], atol=1e-5)


@pytest.mark.parametrize("policy", ["float16", "bfloat16"])
@pytest.mark.parametrize(
    ("norm", "shape"),
    [
        (ParallelBatchNorm, (2, BATCH, DIM)),
        (ParallelLayerNorm, (2, BATCH, DIM)),
        (PartitionedNorm, (BATCH, DIM)),
    ],
)
def test_norms_compute_with_a_policy_of_half_precision(
    norm: Any, shape: tuple[int, ...], policy: str
) -> None:
    x = np.random.default_rng(0).normal(size=shape).astype("float32")
    more = [np.eye(BATCH, dtype="float32")] if norm is PartitionedNorm else []
    training = {} if norm is ParallelLayerNorm else {"training": True}
    layer, expected = norm(dtype=policy), norm()
    y = layer(x, *more, **training)
    assert y.dtype.name == policy
    # bfloat16 keeps 8 bits of each number.
    np.testing.assert_allclose(
        tf.cast(y, tf.float32), expected(x, *more, **training), atol=0.05
    )
    np.testing.assert_allclose(
        tf.cast(layer(x, *more), tf.float32), expected(x, *more), atol=0.05
    )


def test_level_refuses_gates_over_another_number_of_experts() -> None:
    x = keras.Input((DIM,))
    experts = ParallelMLP(3 * 2, [4]), ParallelMLP(1, [4])
    with pytest.raises(ValueError, match=r"3 gates over 2 .* 6 specific and 1 shared"):
        extract(x, x, *experts, Gates(3, 1 + 1))
    with pytest.raises(ValueError, match=r"3 gates over 3 .* 0 specific and 4 shared"):
        extract(x, x, None, ParallelMLP(4, [4]), Gates(3, 3))
    with pytest.raises(ValueError, match="for different numbers of experts"):
        extract(x, x, *experts, Gates(3, 2 + 1), Gates(1, 8))


def test_ties_select_no_more_experts_than_asked_for():
    """Where all hidden units are 0, all logits are 0, since they have no bias."""
    x = np.random.default_rng(0).normal(size=(2000, 3)).astype("float32")
    layer = TopKGates(1, 8, (4,), num_selected=2)
    weights = np.asarray(layer(x))
    assert ((weights > 0).sum(axis=-1) == 2).all()
    np.testing.assert_allclose(weights.sum(axis=-1), 1, rtol=1e-6)


def test_moving_averages_of_a_norm_are_plain_means_of_the_first_batches():
    """Otherwise the initial mean 0 and variance 1 would count for hundreds of steps."""
    layer = ParallelBatchNorm(momentum=0.75)
    batches = np.random.default_rng(0).normal(5, 3, (4, 2, 100, 3)).astype("float32")
    for x in batches:
        layer(x, training=True)
    mean = batches.mean(axis=(0, 2))
    variance = batches.var(axis=2).mean(axis=0)
    np.testing.assert_allclose(layer.moving_mean.numpy()[:, 0], mean, 1e-5)
    np.testing.assert_allclose(layer.moving_variance.numpy()[:, 0], variance, 1e-5)
    layer(batches[0] + 1, training=True)  # from the fifth on, `momentum` holds
    after = 0.75 * mean + 0.25 * (batches[0].mean(axis=1) + 1)
    np.testing.assert_allclose(layer.moving_mean.numpy()[:, 0], after, 1e-5)
