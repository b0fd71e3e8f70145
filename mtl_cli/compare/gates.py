"""The tables of gates on the page: how much weight each gate gives each expert."""

from dataclasses import dataclass
from typing import Any

from mtl_cli.compare.configurations import Configuration


@dataclass
class GateRow:
    """One gate: its name, its entropies, and the percent of each expert."""

    name: str
    entropy_of_mean: str
    mean_entropy: str
    weights: dict[str, str]


@dataclass
class GateTable:
    """The gates of one configuration in one seed, and a warning about all seeds."""

    name: str
    seed: int
    rows: list[GateRow]
    warning: str


def gate_table(configuration: Configuration) -> GateTable | None:
    """Returns the gates of a configuration; None if it has none, or a damaged file."""
    by_seed = {
        seed: gates
        for seed, run in configuration.runs.items()
        if (gates := run.gates()) is not None
    }
    if not by_seed:
        return None
    seed = min(by_seed)
    try:
        rows = [gate_row(gate) for gate in by_seed[seed]["gates"]]
        return GateTable(configuration.name, seed, rows, warning([*by_seed.values()]))
    except (KeyError, TypeError, ValueError, AttributeError):
        return None


def gate_row(gate: dict[str, Any]) -> GateRow:
    """Returns the row of one gate."""
    name = f"{gate['level']} {gate['task'] or 'all tasks'}".replace("_", " ").strip()
    of_mean, of_rows = (
        f"{100 * share:.0f} %" if isinstance(share, int | float) else "-"
        for share in (gate.get("entropy_of_mean"), gate.get("mean_entropy"))
    )
    weights = {expert: f"{100 * float(w):.0f}" for expert, w in gate["weights"].items()}
    return GateRow(name, of_mean, of_rows, weights)


def warning(by_seed: list[dict[str, Any]]) -> str:
    """Says in how many seeds experts are dead and gates polarised."""
    dead = sum(bool(seed["dead"]) for seed in by_seed)
    polarised = sum(any(g["polarised"] for g in seed["gates"]) for seed in by_seed)
    parts = []
    if dead:
        parts.append(f"a dead expert in {dead} of {len(by_seed)} seeds")
    if polarised:
        parts.append(f"a polarised gate in {polarised} of {len(by_seed)} seeds")
    return "; ".join(parts)
