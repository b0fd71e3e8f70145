"""The keys that all dense layers share reach every dense layer of every model."""

import functools
from typing import Any

import keras
import numpy as np
import pytest
from helpers.networks import (
    ENCODER_OF,
    ENCODERS,
    MODELS,
    QUICK_MODELS,
    config,
    network,
    parallel_dense_layers,
)
from helpers.slow import slow_except

from mtl_cli.layers import ParallelDense, ParallelMLP
from mtl_cli.layers.parallel_norms import ParallelBatchNorm

# Every network that a key may give a model: a bottom or experts, gates with hidden
# layers, towers, and the encoder's network `deep`.
WIDTHS = {"deep_units": 5, "bottom_units": 6, "expert_units": 7, "gate_units": 3}
# Layers whose activation the paper fixes: HoME's experts end in Swish.
OWN_ACTIVATION = {"home": 5}
PAIRS = {(model, "embedding") for model in MODELS}
PAIRS |= {("shared_bottom", encoder) for encoder in ENCODERS}
PAIRS |= {*ENCODER_OF.items()}
QUICK = [(model, ENCODER_OF[model]) for model in QUICK_MODELS[:3]]
CASES = slow_except([*QUICK, ("ple", "embedding")], sorted(PAIRS))


CHANGES = (
    *("model.l2=0.5", "encoder.l2_embedding=0.25", "model.activation=tanh"),
    *("model.dropout=0.25", "model.batch_norm=true"),
)


@functools.cache
def built(model: str, encoder: str, initializer: str = "glorot_uniform") -> Any:
    """A model with other values of the keys, with the draws of one seed.

    Every network of the model has hidden layers.
    """
    chosen = [f"model={model}", f"encoder={encoder}"]
    keys = config(*chosen).model.model_dump().keys()
    settings = [
        f"{'encoder' if name == 'deep_units' else 'model'}.{name}=[{width}]"
        for name, width in WIDTHS.items()
        if name == "deep_units" or name in keys
    ]
    keras.utils.set_random_seed(0)
    initializers = [f"model.initializer={initializer}"]
    return network(*chosen, *settings, *CHANGES, *initializers).logits


def kernels(model: Any) -> list[Any]:
    return [
        layer.kernel.numpy()
        for top in model.layers
        for layer in parallel_dense_layers(top)
    ]


def hidden_layers(model: Any) -> list[Any]:
    """The layers of all networks: of experts, gates, towers and the encoder."""
    networks = [x for x in model._flatten_layers() if isinstance(x, ParallelMLP)]
    return [layer for network in networks for layer in network.stack]


@pytest.mark.parametrize(("model", "encoder"), CASES)
def test_penalty_is_that_of_all_kernels_and_tables(model: str, encoder: str) -> None:
    penalised = built(model, encoder)
    tables = [w.numpy() for w in penalised.weights if w.name == "table"]
    expected = 0.5 * sum(np.square(x).sum() for x in kernels(penalised))
    expected += 0.25 * sum(np.square(x).sum() for x in tables)
    penalty = sum(float(x) for x in penalised.losses)
    assert penalty == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(("model", "encoder"), CASES)
def test_every_kernel_is_drawn_by_the_initializer(model: str, encoder: str) -> None:
    usual, other = built(model, encoder), built(model, encoder, "lecun_normal")
    pairs = list(zip(kernels(usual), kernels(other), strict=True))
    assert len(pairs) >= 3
    assert all((a != b).any() for a, b in pairs)


@pytest.mark.parametrize(("model", "encoder"), CASES)
def test_every_hidden_layer_has_the_keys_of_the_model(model: str, encoder: str) -> None:
    chosen = built(model, encoder)
    layers = hidden_layers(chosen)
    activations = [x.activation for x in layers if type(x) is keras.layers.Activation]
    rates = [x.rate for x in layers if type(x) is keras.layers.Dropout]
    num_norms = sum(isinstance(x, ParallelBatchNorm) for x in layers)
    num_hidden = sum(isinstance(x, ParallelDense) for x in layers)
    assert num_hidden >= 2
    num_swish = OWN_ACTIVATION.get(model, 0)
    assert activations.count(keras.activations.silu) == num_swish
    assert activations.count(keras.activations.tanh) == num_hidden - num_swish
    assert rates == num_hidden * [0.25]
    assert num_norms == num_hidden
