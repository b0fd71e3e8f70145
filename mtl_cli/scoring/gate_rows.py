"""Tables that show how much weight each gate gives to each expert, also by slice."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mtl_cli.scoring.gates_json import gate_title

ALL_ROWS = "all rows"


@dataclass(frozen=True)
class GateRow:
    """The use of experts by one gate: one row of a table, as text.

    Attributes:
        name: the gate's level and task.
        entropy_of_mean: the entropy of the mean weights, such as `95 %`; `-` if the
            weights of the gate do not sum to 1.
        mean_entropy: the mean over rows of the entropy of a row's weights, such as
            `80 %`, or `-`.
        weights: each expert's name and mean weight in percent, such as
            `("shared 1", "33")`. The name of an expert that the gate does not train
            ends in `, read only`.
    """

    name: str
    entropy_of_mean: str
    mean_entropy: str
    weights: list[tuple[str, str]]


def gate_rows(usage: Mapping[str, Any]) -> list[GateRow]:
    """Returns one row per gate.

    Args:
        usage: the content of `gates.json`, see `GateUsage`.
    """
    return [
        GateRow(
            f"{gate['level']} {gate['task'] or 'all tasks'}".strip(),
            percent(gate.get("entropy_of_mean")),
            percent(gate.get("mean_entropy")),
            [
                (name + suffix_of_expert(gate, name), f"{100 * float(weight):.0f}")
                for name, weight in gate["weights"].items()
            ],
        )
        for gate in usage["gates"]
    ]


def suffix_of_expert(gate: Mapping[str, Any], expert: str) -> str:
    """Returns the text that follows an expert's name in the row of a gate."""
    return ", read only" if expert in gate.get("not_trained", []) else ""


def percent(fraction: object) -> str:
    """Returns a fraction in percent; a dash if it is not a number."""
    return f"{100 * fraction:.0f} %" if isinstance(fraction, int | float) else "-"


@dataclass(frozen=True)
class GateTable:
    """How one gate weighs its experts, on all rows and on each slice.

    Attributes:
        name: the gate's level and task.
        experts: the names of the experts.
        rows: the rows of the table, as (name, mean weight of each expert in percent).
            The name is `ALL_ROWS` or the name of a slice.
    """

    name: str
    experts: list[str]
    rows: list[tuple[str, list[str]]]


def gate_tables(usage: Mapping[str, Any]) -> list[GateTable]:
    """Returns one table per gate.

    Args:
        usage: the use of experts, with slices, see `GateUsage`; {} without gates.
    """
    if not usage:
        return []
    slices = [(f"{s['column']}: {s['slice']}", s["gates"]) for s in usage["slices"]]
    tables = []
    for i, gate in enumerate(usage["gates"]):
        experts = list(gate["weights"])
        rows = []
        for name, gates in [(ALL_ROWS, usage["gates"]), *slices]:
            weights = gates[i]["weights"]
            if weights:  # {} if no row of the slice is in the space of the gate's task
                rows.append((name, [f"{100 * weights[e]:.0f}" for e in experts]))
        tables.append(GateTable(gate_title(gate), experts, rows))
    return tables
