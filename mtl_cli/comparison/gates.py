"""The tables on the page that show how much weight each gate gives each expert."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from mtl_cli.comparison.configurations import Configuration
from mtl_cli.comparison.runs import Run
from mtl_cli.core.other_files import read_json_object


@dataclass(frozen=True)
class GateRow:
    """One gate, in percent.

    Attributes:
        name: the gate's level and task.
        entropy_of_mean: the entropy of the mean weights, such as `95 %`.
        mean_entropy: the mean entropy of the weights of single rows, such as `80 %`.
        weights: each expert's name and mean weight, such as `("shared 1", "33")`.
    """

    name: str
    entropy_of_mean: str
    mean_entropy: str
    weights: list[tuple[str, str]]


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
        rows = [
            GateRow(
                f"{gate['level']} {gate['task'] or 'all tasks'}".strip(),
                percent(gate.get("entropy_of_mean")),
                percent(gate.get("mean_entropy")),
                [(e, f"{100 * float(w):.0f}") for e, w in gate["weights"].items()],
            )
            for gate in gates["gates"]
        ]
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


def percent(share: object) -> str:
    """Returns a share in percent, or a dash."""
    return f"{100 * share:.0f} %" if isinstance(share, int | float) else "-"


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
