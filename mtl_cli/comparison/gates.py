"""The tables on the page that show how much weight each gate gives each expert."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from mtl_cli.comparison.configurations import Configuration
from mtl_cli.comparison.runs import Run
from mtl_cli.core.other_files import read_json_object
from mtl_cli.evaluation.gate_rows import GateRow, gate_rows


@dataclass(frozen=True)
class GateTable:
    """The gates of a configuration.

    Attributes:
        name: the name of the configuration.
        seed: the lowest seed with a `gates.json`; the rows are of this seed.
        rows: the gates.
        warning: the number of seeds with dead experts or polarised gates; "" if none.
    """

    name: str
    seed: int
    rows: list[GateRow]
    warning: str


def gate_table(configuration: Configuration) -> GateTable | None:
    """Returns the gates of a configuration; None if no run has a valid `gates.json`."""
    by_seed = {
        seed: gates
        for seed, run in sorted(configuration.runs.items())
        if (gates := read_gates(run)) is not None
    }
    if not by_seed:
        return None
    seed, gates = next(iter(by_seed.items()))
    try:
        rows = gate_rows(gates)
        warning = gate_warning(by_seed.values())
    except (KeyError, TypeError, ValueError, AttributeError):
        return None
    return GateTable(configuration.name, seed, rows, warning)


def read_gates(run: Run) -> dict[str, Any] | None:
    """Reads `gates.json`; None if the file is missing or damaged."""
    try:
        gates = read_json_object(run.path / "gates.json")
    except (OSError, ValueError, RecursionError):
        return None
    return gates if "gates" in gates else None


def gate_warning(seeds: Collection[dict[str, Any]]) -> str:
    """Says in how many seeds experts are dead and gates polarised."""
    counts = {
        "a dead expert": sum(bool(seed["dead"]) for seed in seeds),
        "a polarised gate": sum(
            any(gate["polarised"] for gate in seed["gates"]) for seed in seeds
        ),
    }
    return "; ".join(
        f"{problem} in {count} of {len(seeds)} seeds"
        for problem, count in counts.items()
        if count
    )
