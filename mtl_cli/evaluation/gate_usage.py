"""Measures which experts the gates of a trained network use."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from mtl_cli.config.run_config import Config
from mtl_cli.data.table import Array, StoredTable, Table

MAX_ROWS = 20_000
# The rows are read in blocks all over the table: rows may be in the order of time.
BLOCKS = 10
UNUSED_SHARE = 0.05  # an expert with less of an equal share counts as unused
POLARISED_WEIGHT = 0.95


def gate_use(
    network: Any, config: Config, table: Table | StoredTable
) -> dict[str, Any] | None:
    """Returns the content of `gates.json`: how each gate weighs its experts.

    The rows pass once through the part of the network that ends in its gates.

    Args:
        network: the trained `Network`.
        config: the configuration of the run.
        table: the rows to pass. A gate of a task counts only rows of the task's space.

    Returns: `rows`; `gates`, see `summary`; `dead`, the experts that no gate of their
        level uses. None if every gate has a single expert.
    """
    import keras

    from mtl_cli.layers import Gates

    layers = [x for x in network.logits.layers if isinstance(x, Gates)]
    layers = [layer for layer in layers if layer.num_experts > 1]
    if not layers:
        return None
    outputs = {layer.name: layer.output for layer in layers}
    gate_model = keras.Model(network.logits.input, outputs)
    tasks = list(config.chosen_tasks)
    weights_of: dict[str, list[Array]] = {name: [] for name in outputs}
    counts_of: dict[str, list[Array]] = {task: [] for task in tasks}
    for block in blocks_of(table):
        for name, weights in gate_model(block.features, training=False).items():
            weights_of[name].append(np.asarray(weights, "float64"))
        for task in tasks:
            counts_of[task].append(block.weights[task] > 0)
    rows = {task: np.concatenate(counts) for task, counts in counts_of.items()}
    specific = getattr(config.model, "num_specific_experts", 0)
    gates: list[dict[str, Any]] = []
    for name, blocks in weights_of.items():
        gates += layer_summaries(name, np.concatenate(blocks, axis=1), rows, specific)
    return {"rows": len(rows[tasks[0]]), "gates": gates, "dead": dead_experts(gates)}


def blocks_of(table: Table | StoredTable) -> Iterator[Table]:
    """Yields all rows of a table, or blocks spread evenly over it."""
    blocks = min(BLOCKS, table.rows)
    size = min(MAX_ROWS // BLOCKS, -(-table.rows // blocks)) if blocks else 0
    step = table.rows / max(blocks, 1)
    for block in range(blocks):
        start, stop = int(block * step), int((block + 1) * step)
        yield table.read(start, min(stop, start + size))


def layer_summaries(
    layer: str, weights: Array, rows: dict[str, Array], specific: int
) -> list[dict[str, Any]]:
    """Describes each gate of a layer.

    Args:
        layer: the layer's name. A name that ends in `gates` has one gate per task;
            any other layer has one gate for all tasks.
        weights: the experts' weights, `(gates, rows, experts)`.
        rows: by task, whether each row counts.
        specific: the number of specific experts per task. They precede shared experts.
    """
    level = layer.removesuffix("shared_gate").removesuffix("gates").removesuffix("gate")
    level = level.strip("_")
    if layer.endswith("gates"):
        return [
            summary(
                level,
                task,
                weights[t][counts],
                expert_names([task], specific, weights.shape[2]),
            )
            for t, (task, counts) in enumerate(rows.items())
        ]
    specific = specific if layer.endswith("shared_gate") else 0
    names = expert_names(list(rows), specific, weights.shape[2])
    return [summary(level, None, weights[0], names)]


def expert_names(tasks: list[str], specific: int, experts: int) -> list[str]:
    """Names the experts of a gate: specific experts of tasks, then shared experts."""
    names = [f"{task} {i + 1}" for task in tasks for i in range(specific)]
    return names + [f"shared {i + 1}" for i in range(experts - len(names))]


def summary(
    level: str, task: str | None, weights: Array, names: list[str]
) -> dict[str, Any]:
    """Describes one gate.

    Args:
        level: the level of PLE, or "".
        task: the task of the gate; None for a gate of all tasks.
        weights: the experts' weights, `(rows, experts)`.
        names: the names of the experts.

    Returns: the mean weight of each expert; the entropy of the mean weights, and the
        mean entropy of the rows' weights, both as shares of the greatest entropy;
        `unused`, the experts under 5 % of an equal share; `polarised`, the expert with
        more than 95 % of the weight, or None.
    """
    gate: dict[str, Any] = {"level": level, "task": task, "rows": len(weights)}
    if not len(weights):
        return gate | {"weights": {}, "unused": [], "polarised": None}
    mean = weights.mean(axis=0)
    heaviest = int(mean.argmax())
    return gate | {
        "weights": dict(zip(names, mean.tolist(), strict=True)),
        "entropy_of_mean": float(entropy(mean)),
        "mean_entropy": float(entropy(weights).mean()),
        "unused": [
            name
            for name, share in zip(names, mean, strict=True)
            if share < UNUSED_SHARE / len(names)
        ],
        "polarised": names[heaviest] if mean[heaviest] > POLARISED_WEIGHT else None,
    }


def entropy(weights: Array) -> Array:
    """Returns the entropy over the last axis: 0 for one expert, 1 for equal weights."""
    logs = np.log(np.maximum(weights, np.finfo("float64").tiny))
    shares: Array = -(weights * logs).sum(axis=-1) / np.log(weights.shape[-1])
    return shares


def dead_experts(gates: list[dict[str, Any]]) -> list[str]:
    """Returns `LEVEL EXPERT` for each expert that no gate of its level uses."""
    used: dict[str, bool] = {}
    for gate in gates:
        for name in gate["weights"]:
            key = f"{gate['level']} {name}".strip()
            used[key] = used.get(key, False) or name not in gate["unused"]
    return [key for key, is_used in used.items() if not is_used]


def gate_warnings(use: dict[str, Any] | None) -> list[str]:
    """Names dead experts and polarised gates, in one line; empty if there are none."""
    if use is None:
        return []
    remarks = [f"{name} is dead" for name in use["dead"]]
    for gate in use["gates"]:
        if gate["polarised"]:
            name = f"{gate['level']} gate of {gate['task'] or 'all tasks'}".strip()
            remarks.append(f"{name} gives {gate['polarised']} nearly all weight")
    if not remarks:
        return []
    return [f"experts: {', '.join(remarks)}; gates.json has the weights"]
