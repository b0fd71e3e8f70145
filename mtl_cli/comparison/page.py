"""Makes the HTML page of `mtl-compare --html`: computes the template's variables."""

import statistics
from collections import Counter
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path

from mtl_cli.comparison.configurations import Configuration, short_key
from mtl_cli.comparison.difference import Difference, Verdict
from mtl_cli.comparison.intervals import interval_text
from mtl_cli.comparison.plots import interval_plot, learning_curves, plotted_indices
from mtl_cli.comparison.results import DatasetComparison
from mtl_cli.comparison.runs import TRAINING_FACTS
from mtl_cli.comparison.setting_chart import setting_chart
from mtl_cli.comparison.table import are_single_runs, legend_of_lines, legend_of_tests
from mtl_cli.comparison.trade_off_chart import trade_off_chart
from mtl_cli.core.errors import DAMAGED_FILE_ERRORS
from mtl_cli.core.message_text import counted
from mtl_cli.core.other_files import read_json_object
from mtl_cli.pages.charts import NUM_COLORS, color_class
from mtl_cli.pages.render import render
from mtl_cli.scoring.gate_rows import GateRow, gate_rows

# Each page has this mark among its first MARK_WITHIN bytes, see `comparison.html`.
MARK = b'<meta name="generator" content="mtl-compare">'
MARK_WITHIN = 1000
MAX_PAIRS = 6  # the largest number of pairs of tasks with a trade-off chart
MAX_GATE_TABLES = 8  # the largest number of configurations with a table of gates


def page(
    comparisons: list[DatasetComparison],
    line_comparisons: Sequence[DatasetComparison] = (),
) -> str:
    """Returns the page as HTML.

    A line is a chain of runs, one per day, see `comparison.lines`.
    """
    return render(
        "comparison.html",
        title="; ".join(comparison.heading for comparison in comparisons),
        parts=[template_variables(c.without_lone_tasks()) for c in comparisons],
        line_comparisons=line_comparisons,
        line_legend=legend_of_lines(comparisons),
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
    shown = [comparison.without_lone_tasks() for comparison in comparisons]
    return render("notebook_comparison.html", comparisons=shown, **TEMPLATE_FUNCTIONS)


def template_variables(comparison: DatasetComparison) -> dict[str, object]:
    """Returns the variables of the template for one data set."""
    configurations = comparison.configurations
    indices = plotted_indices(comparison)
    tables = [gate_table(c) for c in configurations]
    gate_tables = [table for table in tables if table is not None]
    return {
        "comparison": comparison,
        "test_legend": legend_of_tests([comparison]),
        "are_single_runs": are_single_runs([comparison]),
        "best_chosen_on": best_chosen_on(comparison),
        "num_plotted": len(indices),
        "legend": [
            (color_class(i), configurations[i].name) for i in indices[:NUM_COLORS]
        ],
        **chart_variables(comparison),
        "num_gate_tables": len(gate_tables),
        "gate_tables": gate_tables[:MAX_GATE_TABLES],
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
    """Returns the charts for the template, and the number of pairs of tasks."""
    tasks = comparison.tasks
    # A trade-off chart needs two configurations.
    are_several = len(plotted_indices(comparison)) > 1
    pairs = list(combinations(tasks, 2)) if are_several else []
    curves = [learning_curves(comparison, task) for task in tasks]
    # If only one setting differs, the charts of seeds already show its effect.
    keys = comparison.differing_keys if len(comparison.differing_keys) > 1 else []
    by_setting = [
        setting_chart(comparison, key, task) for key in keys for task in tasks
    ]
    return {
        "seed_charts": [
            (task, interval_plot(comparison, task).chart()) for task in tasks
        ],
        "num_pairs": len(pairs),
        "trade_offs": [trade_off_chart(comparison, *p) for p in pairs[:MAX_PAIRS]],
        "learning_curves": [chart for chart in curves if chart is not None],
        "setting_charts": [chart for chart in by_setting if chart is not None],
    }


def best_chosen_on(comparison: DatasetComparison) -> str:
    """Returns the splits on which the best configurations were chosen; "" for none.

    The page shows the text after "★ is best on": `validation`, for example, or, if the
    splits differ between tasks, `validation or, without these, test`.
    """
    splits = {t.best_chosen_on for t in comparison.tasks if t.best is not None}
    names = ["validation"] if "valid" in splits else []
    if splits - {"valid"}:
        names.append(comparison.split)
    return " or, without these, ".join(names)


def gate_table(configuration: Configuration) -> dict[str, object] | None:
    """Returns how much weight the gates of a configuration give to each expert.

    The table shows the gates of one run: of the runs with a valid `gates.json`, the run
    with the lowest seed. The warning says how many seeds have dead experts or polarised
    gates, see `scoring.gate_records`.

    Returns: the variables of the template; None if no run has a valid `gates.json`.
    """
    rows_by_seed: dict[int, list[GateRow]] = {}
    num_seeds_by_problem: Counter[str] = Counter()
    for seed, run in configuration.runs.items():
        gates = read_gates(run.path)
        if gates is not None:
            rows_by_seed[seed], problems = gates
            num_seeds_by_problem.update(problems)
    if not rows_by_seed:
        return None
    seed = min(rows_by_seed)
    warning = "; ".join(
        f"{problem} in {num_seeds} of {len(rows_by_seed)} seeds"
        for problem, num_seeds in sorted(num_seeds_by_problem.items())
    )
    return {
        "name": configuration.name,
        "seed": seed,
        "rows": rows_by_seed[seed],
        "warning": warning,
    }


def read_gates(run: Path) -> tuple[list[GateRow], list[str]] | None:
    """Reads the `gates.json` of a run; None if the file is missing or damaged.

    Returns: the rows of the table of gates, and the problems of its gates.
    """
    try:
        usage = read_json_object(run / "gates.json")
        problems = ["a dead expert"] if usage["dead"] else []
        if any(gate["polarised"] for gate in usage["gates"]):
            problems.append("a polarised gate")
        return gate_rows(usage), problems
    except DAMAGED_FILE_ERRORS:
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
    uncertain = (
        Verdict.THESE_ROWS_ONLY,
        Verdict.TOO_FEW_SEEDS,
        Verdict.TOO_FEW_ROWS,
        Verdict.NOT_TESTED,
        Verdict.TOO_FEW_DAYS,
        Verdict.AHEAD,
        Verdict.BEHIND,
    )
    return "uncertain" if difference.verdict in uncertain else "none"


# The functions that the templates call.
TEMPLATE_FUNCTIONS: dict[str, object] = {
    "counted": counted,
    "interval_text": interval_text,
    "short_key": short_key,
    "verdict_class": verdict_class,
}
