"""Tables of what the models cost, from the measured `model_costs.csv`."""

import csv
from pathlib import Path

# `benchmarks/cost.py --axes models` writes this file. Its columns are `model`,
# `parameters` and `samples_per_second`.
FILE = Path(__file__).with_name("model_costs.csv")
# The models that the table of another model shows too.
COMPARED = ("shared_bottom", "mmoe")


def costs_table(model: str) -> str:
    """Returns a table of parameters and training time in Markdown.

    Args:
        model: the model of the first row. `shared_bottom` and `mmoe` follow. "" gives a
            table of all models, the cheapest first.
    """
    with FILE.open(encoding="utf-8", newline="") as file:
        costs = {row["model"]: row for row in csv.DictReader(file)}
    speeds = {name: float(row["samples_per_second"]) for name, row in costs.items()}
    names = [model, *COMPARED] if model else sorted(speeds, key=lambda x: -speeds[x])
    rows = [
        f"| `{name}` | {int(costs[name]['parameters']):,} "
        f"| {speeds['mmoe'] / speeds[name]:.2f} |"
        for name in dict.fromkeys(names)
    ]
    heading = "| `model=` | parameters | training time per row (MMoE: 1) |"
    return "\n".join([heading, "|---|---|---|", *rows])
