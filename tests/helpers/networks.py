"""Builds small networks, and reads and writes their weights."""

import functools
from typing import Any

import numpy as np
import pytest
from helpers.composition import composed
from helpers.slow import slow_except

from mtl_cli.columns.layout import Block, EmbeddingTable, Layout
from mtl_cli.config.check import check
from mtl_cli.config.run_config import Config
from mtl_cli.core.option_classes import option_class
from mtl_cli.core.paths import conf_folder
from mtl_cli.layers import ParallelDense, ParallelMLP, Routing, StarDense, StarMLP
from mtl_cli.layers.fast_factors import FACTOR_SPEED
from mtl_cli.models.base import Sharing
from mtl_cli.network.build import build
from mtl_cli.network.network import Network

MODELS = sorted(path.stem for path in (conf_folder() / "model").glob("*.yaml"))
ENCODERS = sorted(path.stem for path in (conf_folder() / "encoder").glob("*.yaml"))
QUICK_MODELS = ["shared_bottom", "mmoe", "single_task", "omoe", "cgc", "poso", "esmm"]
OTHER_ENCODERS = [name for name in ENCODERS if name != "embedding"]
ENCODER_OF = dict.fromkeys(MODELS, "embedding")
ENCODER_OF |= dict(zip(QUICK_MODELS, OTHER_ENCODERS, strict=False))
assert {*ENCODER_OF.values()} == {*ENCODERS}
ALL_PAIRS = [(model, encoder) for model in MODELS for encoder in ENCODERS]
# The default suite has each model on one encoder, and each encoder; the exhaustive
# suite has all other pairs.
PAIRS = slow_except([*ENCODER_OF.items()], ALL_PAIRS, pytest.mark.exhaustive)
# For tests that build several networks: the default suite has two pairs, and the slow
# suite each model once.
FEW_PAIRS = [
    pytest.param(
        *pair.values,
        marks=pair.marks
        or ([] if pair.values[0] in ("cgc", "mmoe") else pytest.mark.slow),
    )
    for pair in PAIRS
]

# The models that read the scenario of a row, and the overrides that they need.
SCENARIO_MODELS = {
    name for name in MODELS if option_class("models", name, Sharing).reads_scenario
}
SCENARIO = ["++dataset.features.hour={kind: sparse}", "++dataset.scenario=hour"]

SIZES = {"user": 7, "item": 5, "hour": 4}
LAYOUT = Layout(
    {name: EmbeddingTable(size) for name, size in SIZES.items()},
    {name: Block("ids", table=name) for name in SIZES} | {"numbers": Block("dense", 2)},
)
TASKS = ["income", "never_married", "rating"]  # binary, binary, regression
ROWS = 64


@functools.cache
def config(*overrides: str) -> Config:
    """Returns the configuration that `mtl-train` makes of these overrides, checked.

    For models that read the scenario of a row, this is the feature `hour`.
    """
    models = {x.removeprefix("model=") for x in overrides if x.startswith("model=")}
    scenario = SCENARIO if models & SCENARIO_MODELS else []
    return check(composed(*scenario, *overrides))


def network(*overrides: str, num_tasks: int = 2) -> Network:
    """Builds a network for the inputs of `LAYOUT`, with the first tasks of `TASKS`."""
    settings = [
        "encoder.embedding_dim=4",
        "+dataset.tasks.rating={label: rating, kind: regression, transform: none}",
        f"tasks=[{','.join(TASKS[:num_tasks])}]",
    ]
    return build(config(*settings, *overrides), LAYOUT)


def features(seed: int = 0) -> dict[str, Any]:
    """Returns `ROWS` random rows as inputs of the network, for `LAYOUT`."""
    rng = np.random.default_rng(seed)
    sizes = list(SIZES.values())
    return {
        "ids": rng.integers(0, sizes, (ROWS, len(sizes))).astype("int32"),
        "dense": rng.normal(size=(ROWS, LAYOUT.width("dense"))).astype("float32"),
    }


def randomize(model: Any, seed: int = 0) -> None:
    """Gives all weights random values.

    Biases start as zeros, and a test could not tell a wrong bias from a right one.
    """
    rng = np.random.default_rng(seed)
    for weight in model.weights:
        shape = tuple(weight.shape)
        scale = 1.0 if "embedding" in weight.path else 0.3
        if "kernel" in weight.path:  # the outputs of ReLU get the size of its inputs
            scale = np.sqrt(2 / shape[-2])
        values = rng.normal(scale=scale, size=shape)
        if weight.name == "feature_factors":
            values = (1 + values) / FACTOR_SPEED
        weight.assign(np.abs(values) if "variance" in weight.path else values)


def arrays(outputs: dict[str, Any]) -> dict[str, Any]:
    """Converts the outputs of a network to {name: NumPy array (rows,)}."""
    return {name: y.numpy()[:, 0] for name, y in outputs.items()}


def kernel_position(layer: ParallelDense, i: int) -> tuple[int, slice]:
    """Returns the group and the columns of dense layer `i` in the shared kernel."""
    per_group = layer.num // layer.groups
    start = i % per_group * layer.units
    return i // per_group, slice(start, start + layer.units)


def read_dense(layer: ParallelDense, i: int) -> tuple[Any, Any]:
    """Returns the kernel `(dim, units)` and bias `(units,)` of dense layer `i`.

    The kernel includes the factors of the features. The bias is None if the layer has
    no biases.
    """
    kernel = layer.kernels.numpy()[i]
    return kernel, layer.bias.numpy()[i, 0] if layer.use_bias else None


def write_dense(layer: ParallelDense, i: int, kernel: Any, bias: Any = None) -> None:
    """Replaces the kernel and the bias of dense layer `i`; sets its factors to 1."""
    group, columns = kernel_position(layer, i)
    kernels = layer.kernel.numpy()
    kernels[group, :, columns] = kernel
    layer.kernel.assign(kernels)
    if layer.feature_factors is not None:
        factors = layer.feature_factors.numpy()
        factors[i] = 1 / FACTOR_SPEED
        layer.feature_factors.assign(factors)
    if layer.use_bias:
        biases = layer.bias.numpy()
        biases[i, 0] = bias
        layer.bias.assign(biases)


def dense_layers(mlp: ParallelMLP) -> list[ParallelDense]:
    """Returns the dense layers of parallel networks, from the input to the output."""
    return [layer for layer in mlp.stack if isinstance(layer, ParallelDense)]


def parallel_dense_layers(layer: Any) -> list[ParallelDense]:
    """Returns all parallel dense layers inside a layer of networks or gates."""
    if isinstance(layer, ParallelDense):
        return [layer]
    if isinstance(layer, ParallelMLP):
        return dense_layers(layer)
    if isinstance(layer, StarMLP):
        return [x.shared for x in layer.stack if isinstance(x, StarDense)]
    if isinstance(layer, Routing | StarDense):
        return [
            x for part in layer.parts().values() for x in parallel_dense_layers(part)
        ]
    return []
