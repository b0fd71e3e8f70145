"""The tables of gates on the page: how much weight each gate gives each expert."""

from typing import Any

from mtl_cli.comparison.configurations import Configuration


def gate_table(configuration: Configuration) -> dict[str, Any] | None:
    """Returns the gates of a configuration in its lowest seed, for the page.

    Returns: `name`, `seed`, `warning` and `rows`; a row has the gate's `name`, its
        entropies `of_mean` and `of_rows`, and the percent of each expert in `weights`.
        None if no run has a `gates.json`, or the file is damaged.
    """
    by_seed = {
        seed: gates
        for seed, run in configuration.runs.items()
        if (gates := run.gates()) is not None
    }
    if not by_seed:
        return None
    try:
        return {
            "name": configuration.name,
            "seed": min(by_seed),
            "rows": [
                {
                    "name": f"{gate['level']} {gate['task'] or 'all tasks'}".strip(),
                    "of_mean": percent(gate.get("entropy_of_mean")),
                    "of_rows": percent(gate.get("mean_entropy")),
                    "weights": [
                        (expert, f"{100 * float(weight):.0f}")
                        for expert, weight in gate["weights"].items()
                    ],
                }
                for gate in by_seed[min(by_seed)]["gates"]
            ],
            "warning": warning(list(by_seed.values())),
        }
    except (KeyError, TypeError, ValueError, AttributeError):
        return None


def percent(share: object) -> str:
    """Returns a share in percent, or a dash."""
    return f"{100 * share:.0f} %" if isinstance(share, int | float) else "-"


def warning(by_seed: list[dict[str, Any]]) -> str:
    """Says in how many seeds experts are dead and gates polarised."""
    counts = {
        "a dead expert": sum(bool(seed["dead"]) for seed in by_seed),
        "a polarised gate": sum(
            any(gate["polarised"] for gate in seed["gates"]) for seed in by_seed
        ),
    }
    return "; ".join(
        f"{problem} in {count} of {len(by_seed)} seeds"
        for problem, count in counts.items()
        if count
    )
