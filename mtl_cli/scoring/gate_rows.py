"""The rows of a table that shows how much weight each gate gives each expert."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


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
