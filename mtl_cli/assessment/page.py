"""The HTML page of an evaluation: tables, calibration plots and gates."""

from dataclasses import dataclass
from typing import Any

from mtl_cli.assessment.evaluation import Evaluation
from mtl_cli.assessment.sections import sections
from mtl_cli.pages.line_plots import Line, LinePlot
from mtl_cli.pages.render import render

ALL_ROWS = "all rows"


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


def page(evaluation: Evaluation) -> str:
    """Returns the page as HTML."""
    return render(
        "evaluation.html",
        title=f"{evaluation.run} on {evaluation.table_name}",
        evaluation=evaluation,
        sections=sections(evaluation),
        calibration=calibration_plots(evaluation),
        gates=gate_tables(evaluation.gates),
    )


def calibration_plots(evaluation: Evaluation) -> list[LinePlot]:
    """Returns one plot per task: mean label against mean prediction of each bucket."""
    plots = []
    for task, result in evaluation.tasks.items():
        if result["calibration"] is not None:
            buckets = result["calibration"]["buckets"]
            line = Line(task, buckets["predicted"], buckets["actual"])
            plot = LinePlot(
                task, "mean prediction", "mean label", [line], diagonal=True
            )
            plots.append(plot)
    return plots


def gate_tables(gates: dict[str, Any]) -> list[GateTable]:
    """Returns one table per gate with experts to choose from."""
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
