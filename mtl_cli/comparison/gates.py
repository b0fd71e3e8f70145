"""Tables of the comparison's page: how much weight each gate gives to each expert."""

from collections.abc import Collection
from dataclasses import dataclass

from mtl_cli.comparison.configurations import Configuration
from mtl_cli.comparison.runs import Run
from mtl_cli.core.errors import DAMAGED_FILE_ERRORS
from mtl_cli.core.other_files import read_json_object
from mtl_cli.scoring.gate_rows import GateRow, gate_rows


@dataclass(frozen=True)
class ConfigurationGates:
    """The gates of one configuration, as the page shows them.

    Attributes:
        name: the name of the configuration.
        seed: the seed whose gates are shown: the lowest with a valid `gates.json`.
        rows: the rows of the table, one per gate.
        warning: a text that says in how many seeds experts are dead or gates polarised,
            see `scoring.gate_usage`; "" if there is no such seed.
    """

    name: str
    seed: int
    rows: list[GateRow]
    warning: str


def configuration_gates(configuration: Configuration) -> ConfigurationGates | None:
    """Returns the gates of a configuration; None if no run has a valid `gates.json`."""
    gates_by_seed = {
        seed: gates
        for seed, run in sorted(configuration.runs.items())
        if (gates := read_gates(run)) is not None
    }
    if not gates_by_seed:
        return None
    lowest_seed, gates = next(iter(gates_by_seed.items()))
    warning = gate_warning(gates_by_seed.values())
    return ConfigurationGates(configuration.name, lowest_seed, gates.rows, warning)


@dataclass(frozen=True)
class RunGates:
    """The gates of one run.

    Attributes:
        rows: the rows of the table of gates, one per gate.
        has_dead_expert: whether there is an expert that no gate uses.
        has_polarised_gate: whether there is a gate that gives one expert nearly all
            weight.
    """

    rows: list[GateRow]
    has_dead_expert: bool
    has_polarised_gate: bool


def read_gates(run: Run) -> RunGates | None:
    """Reads the `gates.json` of a run; None if the file is missing or damaged."""
    try:
        usage = read_json_object(run.path / "gates.json")
        return RunGates(
            gate_rows(usage),
            bool(usage["dead"]),
            any(gate["polarised"] for gate in usage["gates"]),
        )
    except DAMAGED_FILE_ERRORS:
        return None


def gate_warning(runs: Collection[RunGates]) -> str:
    """Says in how many seeds experts are dead or gates polarised; "" if in none."""
    counts = {
        "a dead expert": sum(run.has_dead_expert for run in runs),
        "a polarised gate": sum(run.has_polarised_gate for run in runs),
    }
    return "; ".join(
        f"{problem} in {count} of {len(runs)} seeds"
        for problem, count in counts.items()
        if count
    )
