"""The texts that reports show about gates: tables of their weights, and a warning.

The functions take the content of a `gates.json`, see `gate_records.GateUsage`.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple


class GateRow(NamedTuple):
    """How one gate weighs its experts, as the texts of one row of a table.

    Attributes:
        name: the gate's level and task: `level_1 click`.
        weights: each expert's name and mean weight in percent, such as
            `("shared 1", "33")`. The name of an expert that the gate does not train
            ends in `, read only`.
    """

    name: str
    entropy_of_mean: str
    mean_entropy: str
    weights: list[tuple[str, str]]


class GateTable(NamedTuple):
    """How one gate weighs its experts, on all rows and on each slice.

    `rows` are pairs of a name, such as `city: Rome`, and each expert's weight.
    """

    name: str
    experts: list[str]
    rows: list[tuple[str, list[str]]]


def gate_rows(usage: Mapping[str, Any]) -> list[GateRow]:
    rows = []
    for gate in usage["gates"]:
        weights = []
        for name, weight in gate["weights"].items():
            read_only = ", read only" if name in gate.get("not_trained", []) else ""
            weights.append((f"{name}{read_only}", f"{100 * float(weight):.0f}"))
        of_mean = percent(gate.get("entropy_of_mean"))
        mean = percent(gate.get("mean_entropy"))
        name = f"{gate['level']} {gate['task'] or 'all tasks'}".strip()
        rows.append(GateRow(name, of_mean, mean, weights))
    return rows


def percent(fraction: object) -> str:
    """Returns a fraction in percent; a dash if it is not a number."""
    return f"{100 * fraction:.0f} %" if isinstance(fraction, int | float) else "-"


def gate_tables(usage: Mapping[str, Any]) -> list[GateTable]:
    if not usage:
        return []
    slices = [(f"{s['column']}: {s['slice']}", s["gates"]) for s in usage["slices"]]
    tables = []
    for i, gate in enumerate(usage["gates"]):
        experts = list(gate["weights"])
        rows = []
        for name, gates in [("all rows", usage["gates"]), *slices]:
            weights = gates[i]["weights"]
            # There are no weights if no row of the slice counts for the gate's task.
            if weights:
                rows.append((name, [f"{100 * weights[e]:.0f}" for e in experts]))
        tables.append(GateTable(gate_title(gate), experts, rows))
    return tables


def gate_title(gate: Mapping[str, Any]) -> str:
    """Returns the title of a gate, such as `level_1 gate of click`."""
    return f"{gate['level']} gate of {gate['task'] or 'all tasks'}".strip()


def gate_warnings(usage: Mapping[str, Any] | None) -> list[str]:
    """Returns one warning that names all dead experts and polarised gates, or none."""
    if usage is None:
        return []
    remarks = [f"{name} is dead" for name in usage["dead"]]
    for gate in usage["gates"]:
        if gate["polarised"]:
            title = gate_title(gate)
            remarks.append(f"{title} gives {gate['polarised']} nearly all weight")
    if not remarks:
        return []
    return [f"experts: {', '.join(remarks)}; gates.json has the weights"]
