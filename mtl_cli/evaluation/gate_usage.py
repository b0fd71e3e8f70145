"""Which experts the gates of a trained network use."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from mtl_cli.config.run_config import Config
from mtl_cli.data.table import Array, StoredTable, Table

ROWS = 20_000  # of a table are looked at, at most
BLOCKS = 10  # spread over the table: its rows may be in order of time
DEAD = 0.05  # of an equal share
POLARISED = 0.95


def gate_use(
    network: Any, config: Config, table: Table | StoredTable
) -> dict[str, Any] | None:
    """Returns what `gates.json` holds: how each gate weighs its experts.

    One forward pass through the part of the network that ends in its gates.

    Args:
        network: a trained `Network`.
        config: of the run.
        table: rows to look at, of which each task's gates count the task's own.

    Returns: `gates`, see `summary`; `dead`, the experts that none of their level's
        gates uses; or None if no gate has a choice.
    """
    import keras

    from mtl_cli.layers import Gates

    layers = [x for x in network.logits.layers if isinstance(x, Gates)]
    layers = [layer for layer in layers if layer.num_experts > 1]
    if not layers:
        return None
    ends = {layer.name: layer.output for layer in layers}
    ending = keras.Model(network.logits.input, ends)
    tasks = list(config.chosen_tasks)
    found: dict[str, list[Array]] = {name: [] for name in ends}
    counted: dict[str, list[Array]] = {task: [] for task in tasks}
    for part in parts(table):
        for name, weights in ending(part.features, training=False).items():
            found[name].append(np.asarray(weights, "float64"))
        for task in tasks:
            counted[task].append(part.weights[task] > 0)
    rows = {task: np.concatenate(parts) for task, parts in counted.items()}
    own = getattr(config.model, "num_specific_experts", 0)
    gates: list[dict[str, Any]] = []
    for name, blocks in found.items():
        gates += of_layer(name, np.concatenate(blocks, axis=1), rows, own)
    return {"rows": len(rows[tasks[0]]), "gates": gates, "dead": dead(gates)}


def parts(table: Table | StoredTable) -> Iterator[Table]:
    """Yields all rows of a table, or blocks spread evenly over it."""
    blocks = min(BLOCKS, table.rows)
    size = min(ROWS // BLOCKS, -(-table.rows // blocks)) if blocks else 0
    step = table.rows / max(blocks, 1)
    for block in range(blocks):
        start, stop = int(block * step), int((block + 1) * step)
        yield table.read(start, min(stop, start + size))


def of_layer(
    layer: str, weights: Array, rows: dict[str, Array], own: int
) -> list[dict[str, Any]]:
    """Returns the use of each gate of a layer.

    Args:
        layer: name; `gates`, at its end, are one a task, another name is one for all.
        weights: `(gates, rows, experts)`.
        rows: by task, which rows count.
        own: how many experts each task has for itself; they stand first.
    """
    level = layer.removesuffix("shared_gate").removesuffix("gates").removesuffix("gate")
    level = level.strip("_")
    if layer.endswith("gates"):
        return [
            summary(level, task, weights[t][mine], experts([task], own, weights))
            for t, (task, mine) in enumerate(rows.items())
        ]
    own = own if layer.endswith("shared_gate") else 0
    return [summary(level, None, weights[0], experts(list(rows), own, weights))]


def experts(tasks: list[str], own: int, weights: Array) -> list[str]:
    """Names the experts that a gate sees: those of tasks, then the shared ones."""
    names = [f"{task} {i + 1}" for task in tasks for i in range(own)]
    return names + [f"shared {i + 1}" for i in range(weights.shape[2] - len(names))]


def summary(
    level: str, task: str | None, weights: Array, names: list[str]
) -> dict[str, Any]:
    """Describes one gate.

    Args:
        level: of PLE, or "".
        task: whose gate it is; None is all tasks'.
        weights: `(rows, experts)`.
        names: of the experts.

    Returns: mean weight by expert; entropy of the mean weight, and mean entropy of the
        rows' weights, as shares of their greatest value; experts under 5 % of an equal
        share (`unused`); the one with more than 95 % (`polarised`), or None.
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
            if share < DEAD / len(names)
        ],
        "polarised": names[heaviest] if mean[heaviest] > POLARISED else None,
    }


def entropy(weights: Array) -> Array:
    """Returns the entropy over the last axis: 0 is one expert, 1 is all alike."""
    logs = np.log(np.maximum(weights, np.finfo("float64").tiny))
    found: Array = -(weights * logs).sum(axis=-1) / np.log(weights.shape[-1])
    return found


def dead(gates: list[dict[str, Any]]) -> list[str]:
    """Returns the experts, level before name, that no gate of their level uses."""
    used: dict[str, bool] = {}
    for gate in gates:
        for name in gate["weights"]:
            key = f"{gate['level']} {name}".strip()
            used[key] = used.get(key, False) or name not in gate["unused"]
    return [key for key, is_used in used.items() if not is_used]


def gate_warnings(use: dict[str, Any] | None) -> list[str]:
    """Says which experts are dead and which gates polarised, in a line at most."""
    if use is None:
        return []
    told = [f"{name} is dead" for name in use["dead"]]
    for gate in use["gates"]:
        if gate["polarised"]:
            who = f"{gate['level']} gate of {gate['task'] or 'all tasks'}".strip()
            told.append(f"{who} gives {gate['polarised']} nearly all weight")
    return [f"experts: {', '.join(told)}; gates.json has the weights"] if told else []
