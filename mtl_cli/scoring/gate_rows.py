"""Tables that show how much weight each gate gives each expert, also by slice."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

ALL_ROWS = "all rows"


@dataclass(frozen=True)
class GateRow:
    """The use of experts by one gate, in percent.

    Attributes:
        name: the gate's level and task.
        entropy_of_mean: the entropy of the mean weights, such as `95 %`.
        mean_entropy: the mean entropy of the weights of single rows, such as `80 %`.
        weights: each expert's name and mean weight, such as `("shared 1", "33")`. The
            name of an expert that the gate does not train ends in `, read only`.
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
                (name + note_of(gate, name), f"{100 * float(weight):.0f}")
                for name, weight in gate["weights"].items()
            ],
        )
        for gate in usage["gates"]
    ]


def note_of(gate: Mapping[str, Any], expert: str) -> str:
    """Returns what the name of an expert ends in."""
    return ", read only" if expert in gate.get("not_trained", []) else ""


def percent(share: object) -> str:
    """Returns a share in percent, or a dash."""
    return f"{100 * share:.0f} %" if isinstance(share, int | float) else "-"


@dataclass(frozen=True)
class GateTable:
    """How one gate weighs its experts, on all rows and on each slice.

    Attributes:
        name: the gate's level and task.
        experts: the names of the experts.
        rows: the name of a slice, and the percent of the weight of each expert.
    """

    name: str
    experts: list[str]
    rows: list[tuple[str, list[str]]]


def gate_tables(gates: Mapping[str, Any]) -> list[GateTable]:
    """Returns one table per gate with experts to choose from.

    Args:
        gates: the usage of gates, see `GateUsage`; {} without gates.
    """
    if not gates:
        return []
    slices = [(f"{s['column']}: {s['slice']}", s["gates"]) for s in gates["slices"]]
    tables = []
    for i, gate in enumerate(gates["gates"]):
        experts = list(gate["weights"])
        rows = []
        for name, of_slice in [(ALL_ROWS, gates["gates"]), *slices]:
            weights = of_slice[i]["weights"]
            if weights:  # a slice without rows of the task's space has none
                rows.append((name, [f"{100 * weights[e]:.0f}" for e in experts]))
        name = f"{gate['level']} gate of {gate['task'] or 'all tasks'}".strip()
        tables.append(GateTable(name, experts, rows))
    return tables
