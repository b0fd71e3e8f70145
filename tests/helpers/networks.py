"""Small networks for tests: configured, built, with weights to read and to write."""

import functools
from typing import Any

import numpy as np
from helpers.composition import composed
from helpers.slow import slow_except

from mtl_cli.columns.layout import Block, EmbeddingTable, Layout
from mtl_cli.config.check import check
from mtl_cli.config.run_config import Config
from mtl_cli.core.options import option_class
from mtl_cli.core.paths import conf_folder
from mtl_cli.layers import ParallelDense, ParallelMLP, Routing
from mtl_cli.layers.star import StarDense, StarMLP
from mtl_cli.models.base import Sharing
from mtl_cli.network.build import Network, build

MODELS = sorted(path.stem for path in (conf_folder() / "model").glob("*.yaml"))
ENCODERS = sorted(path.stem for path in (conf_folder() / "encoder").glob("*.yaml"))
# The default suite has each model on one encoder, and each encoder; the slow suite has
# all other pairs.
QUICK_MODELS = ["shared_bottom", "mmoe", "single_task", "omoe", "cgc", "poso", "esmm"]
OTHER_ENCODERS = [name for name in ENCODERS if name != "embedding"]
ENCODER_OF = dict.fromkeys(MODELS, "embedding")
ENCODER_OF |= dict(zip(QUICK_MODELS, OTHER_ENCODERS, strict=False))
assert {*ENCODER_OF.values()} == {*ENCODERS}
PAIRS = slow_except(
    [*ENCODER_OF.items()],
    [(model, encoder) for model in MODELS for encoder in ENCODERS],
)

# Models that read the scenario of a row, and the keys that they need.
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
    """The checked configuration that `mtl-train` makes of these overrides.

    For models that read the scenario, `hour` of LAYOUT tells it.
    """
    chosen = {x.removeprefix("model=") for x in overrides if x.startswith("model=")}
    scenario = SCENARIO if chosen & SCENARIO_MODELS else []
    return check(composed(*scenario, *overrides))


def network(*overrides: str, num_tasks: int = 2) -> Network:
    """A network on LAYOUT with the first of TASKS."""
    third = "+dataset.tasks.rating={label: rating, kind: regression}"
    tasks = f"tasks=[{','.join(TASKS[:num_tasks])}]"
    return build(config("encoder.embedding_dim=4", third, tasks, *overrides), LAYOUT)


def features(seed: int = 0) -> dict[str, Any]:
    """Random rows of LAYOUT."""
    rng = np.random.default_rng(seed)
    sizes = list(SIZES.values())
    return {
        "ids": rng.integers(0, sizes, (ROWS, len(sizes))).astype("int32"),
        "dense": rng.normal(size=(ROWS, LAYOUT.width("dense"))).astype("float32"),
    }


def randomize(model: Any, seed: int = 0) -> None:
    """Draws all weights anew, biases too: a zero bias hides a wrong one."""
    rng = np.random.default_rng(seed)
    for weight in model.weights:
        shape = tuple(weight.shape)
        scale = 1.0 if "embedding" in weight.path else 0.3
        if "kernel" in weight.path:  # keeps the size of what passes through relu
            scale = np.sqrt(2 / shape[-2])
        values = rng.normal(scale=scale, size=shape)
        weight.assign(np.abs(values) if "variance" in weight.path else values)


def arrays(outputs: dict[str, Any]) -> dict[str, Any]:
    """Outputs of a network as NumPy arrays (rows,)."""
    return {name: y.numpy()[:, 0] for name, y in outputs.items()}


def place(layer: ParallelDense, i: int) -> tuple[int, slice]:
    """Where the kernel of dense layer `i` lies: its group, its columns."""
    per_group = layer.num // layer.groups
    first = i % per_group * layer.units
    return i // per_group, slice(first, first + layer.units)


def read_dense(layer: ParallelDense, i: int) -> tuple[Any, Any]:
    """Kernel `(dim, units)` and bias `(units,)`, or None, of dense layer `i`."""
    group, columns = place(layer, i)
    kernel = layer.kernel.numpy()[group, :, columns]
    return kernel, layer.bias.numpy()[i, 0] if layer.use_bias else None


def write_dense(layer: ParallelDense, i: int, kernel: Any, bias: Any = None) -> None:
    """Replaces what `read_dense` reads."""
    group, columns = place(layer, i)
    kernels = layer.kernel.numpy()
    kernels[group, :, columns] = kernel
    layer.kernel.assign(kernels)
    if layer.use_bias:
        biases = layer.bias.numpy()
        biases[i, 0] = bias
        layer.bias.assign(biases)


def dense_layers(mlp: ParallelMLP) -> list[ParallelDense]:
    """The dense layers of networks side by side, from the input on."""
    return [layer for layer in mlp.stack if isinstance(layer, ParallelDense)]


def parallel_dense_layers(layer: Any) -> list[ParallelDense]:
    """The dense layers that lie side by side in a layer of networks or gates."""
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
