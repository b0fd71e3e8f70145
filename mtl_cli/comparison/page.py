"""Makes the HTML page of `mtl-compare --html`: computes the template's variables."""

import statistics
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path

from mtl_cli.comparison.configurations import Configuration, short_key
from mtl_cli.comparison.difference import Difference, Verdict
from mtl_cli.comparison.intervals import interval_text
from mtl_cli.comparison.plots import (
    interval_plot,
    learning_curves,
    plotted_indices,
    setting_plot,
    trade_off_chart,
)
from mtl_cli.comparison.results import DatasetComparison
from mtl_cli.comparison.runs import TRAINING_FACTS
from mtl_cli.comparison.table import legend
from mtl_cli.core.errors import DAMAGED_FILE_ERRORS
from mtl_cli.core.message_text import counted
from mtl_cli.core.other_files import read_json_object
from mtl_cli.pages.charts import NUM_COLORS, color_class
from mtl_cli.pages.render import render
from mtl_cli.scoring.gate_rows import gate_rows

# Each page has this mark among its first MARK_WITHIN bytes, see `comparison.html`.
MARK = b'<meta name="generator" content="mtl-compare">'
MARK_WITHIN = 1000
MAX_PAIRS = 6  # the largest number of pairs of tasks with a trade-off chart
MAX_GATE_TABLES = 8  # the largest number of configurations with a table of gates


def page(
    comparisons: list[DatasetComparison],
    line_comparisons: Sequence[DatasetComparison] = (),
) -> str:
    """Returns the page as HTML."""
    return render(
        "comparison.html",
        title="; ".join(comparison.heading for comparison in comparisons),
        test_legend=legend([*comparisons, *line_comparisons]),
        parts=[template_variables(comparison) for comparison in comparisons],
        line_comparisons=line_comparisons,
        **TEMPLATE_FUNCTIONS,
    )


def is_page(path: Path) -> bool:
    """Whether a file is readable and is a page that `page` has made."""
    try:
        if not path.is_file():  # opening a pipe would wait for its writer
            return False
        with path.open("rb") as file:
            return MARK in file.read(MARK_WITHIN)
    except OSError:
        return False


def notebook(comparisons: list[DatasetComparison]) -> str:
    """Returns the leaderboards and the sentences of the page as HTML for a notebook."""
    return render(
        "notebook_comparison.html", comparisons=comparisons, **TEMPLATE_FUNCTIONS
    )


def template_variables(comparison: DatasetComparison) -> dict[str, object]:
    """Returns the variables of the template for one data set."""
    configurations = comparison.configurations
    indices = plotted_indices(comparison)
    tables = [gate_table(c) for c in configurations]
    return {
        "comparison": comparison,
        "legend": [
            (color_class(i), configurations[i].name) for i in indices[:NUM_COLORS]
        ],
        **chart_variables(comparison),
        "gate_tables": [t for t in tables if t is not None][:MAX_GATE_TABLES],
        "fact_names": [name.replace("_", " ") for name in TRAINING_FACTS],
        "training_facts": [
            (configurations[i].name, median_facts(configurations[i])) for i in indices
        ],
        "shared_settings": [
            (key, value)
            for key, value in comparison.baseline.settings.items()
            if all(c.settings.get(key) == value for c in configurations)
        ],
    }


def chart_variables(comparison: DatasetComparison) -> dict[str, object]:
    """Returns the charts for the template."""
    tasks = comparison.tasks
    # A trade-off chart needs two configurations.
    are_several = len(plotted_indices(comparison)) > 1
    pairs = list(combinations(tasks, 2))[:MAX_PAIRS] if are_several else []
    curves = [learning_curves(comparison, task) for task in tasks]
    # If only one setting differs, the charts of seeds already show its effect.
    keys = comparison.differing_keys if len(comparison.differing_keys) > 1 else []
    plots = [setting_plot(comparison, key, task) for key in keys for task in tasks]
    return {
        "seed_charts": [
            (task.name_with_space, interval_plot(comparison, task).chart())
            for task in tasks
        ],
        "trade_offs": [trade_off_chart(comparison, *pair) for pair in pairs],
        "learning_curves": [chart for chart in curves if chart is not None],
        "setting_charts": [
            (plot.title, plot.chart()) for plot in plots if plot is not None
        ],
    }


def gate_table(configuration: Configuration) -> dict[str, object] | None:
    """Returns how much weight the gates of a configuration give to each expert.

    The table shows the gates of the run with the lowest seed that has a valid
    `gates.json`. The warning names dead experts and polarised gates, see
    `scoring.gate_records`. Returns None if no run has a valid `gates.json`.
    """
    for seed, run in sorted(configuration.runs.items()):
        try:
            usage = read_json_object(run.path / "gates.json")
            warnings = ["a dead expert"] if usage["dead"] else []
            if any(gate["polarised"] for gate in usage["gates"]):
                warnings.append("a polarised gate")
            rows = gate_rows(usage)
        except DAMAGED_FILE_ERRORS:
            continue
        title = f"{configuration.name}, seed {seed}"
        return {"title": title, "rows": rows, "warning": "; ".join(warnings)}
    return None


def median_facts(configuration: Configuration) -> list[str]:
    """Returns the median over seeds of each of `TRAINING_FACTS`, as text."""
    facts_by_seed = [run.training_facts() for run in configuration.runs.values()]
    cells = []
    for name in TRAINING_FACTS:
        values = [facts[name] for facts in facts_by_seed]
        known_values = [value for value in values if value is not None]
        cells.append(f"{statistics.median(known_values):,.0f}" if known_values else "-")
    return cells


def verdict_class(difference: Difference) -> str:
    """Returns the CSS class of a difference.

    For a real difference, the class is the verdict, such as `better`. Otherwise the
    class is `uncertain` if more seeds, days or rows could show a real difference, or
    else `none`.
    """
    if difference.is_real:
        return difference.verdict
    none = (Verdict.NOT_REAL, Verdict.NOT_COMPARABLE, Verdict.NO_SCORE)
    return "none" if difference.verdict in none else "uncertain"


# The functions that the templates call.
TEMPLATE_FUNCTIONS: dict[str, object] = {
    "counted": counted,
    "interval_text": interval_text,
    "short_key": short_key,
    "verdict_class": verdict_class,
}
