"""Makes the HTML page of `mtl-compare --html`: collects what the template shows."""

import statistics
from itertools import combinations

from mtl_cli.comparison.configurations import Configuration, short_key
from mtl_cli.comparison.difference import Difference, Verdict
from mtl_cli.comparison.formats import interval_text
from mtl_cli.comparison.gates import configuration_gates
from mtl_cli.comparison.plots import (
    learning_curves,
    plotted_indices,
    seeds_chart,
    setting_chart,
    trade_off_chart,
)
from mtl_cli.comparison.results import DatasetComparison
from mtl_cli.comparison.runs import TRAINING_FACTS
from mtl_cli.comparison.sentences import sentences_by_task
from mtl_cli.pages.charts import NUM_COLORS, Chart, color
from mtl_cli.pages.render import render

MAX_PAIRS = 6  # number of pairs of tasks with a trade-off chart
MAX_SETTING_VALUES = 12  # a setting with more values has no chart
MAX_GATE_TABLES = 8


def page(comparisons: list[DatasetComparison]) -> str:
    """Returns the page as HTML."""
    parts = [
        {"heading": heading(comparison), **template_variables(comparison)}
        for comparison in comparisons
    ]
    title = "; ".join(map(heading, comparisons))
    return render("comparison.html", title=title, parts=parts, **FUNCTIONS)


def notebook(comparisons: list[DatasetComparison]) -> str:
    """Returns the leaderboards and the sentences of the page as HTML for a notebook."""
    parts = [
        {
            "heading": heading(comparison),
            "comparison": comparison,
            "sentences": sentences_by_task(comparison),
        }
        for comparison in comparisons
    ]
    return render("notebook_comparison.html", parts=parts, **FUNCTIONS)


def heading(comparison: DatasetComparison) -> str:
    """Returns the heading of one data set."""
    return f"{len(comparison.configurations)} configurations on {comparison.dataset}"


def template_variables(comparison: DatasetComparison) -> dict[str, object]:
    """Returns the variables of the template for one data set."""
    tasks, configurations = comparison.tasks, comparison.configurations
    indices = plotted_indices(comparison)
    pairs = list(combinations(tasks, 2)) if len(indices) > 1 else []
    curves = [learning_curves(comparison, task) for task in tasks]
    gates = [x for c in configurations if (x := configuration_gates(c)) is not None]
    chosen_on_valid = any(task.best_chosen_on == "valid" for task in tasks)
    return {
        "comparison": comparison,
        "sentences": sentences_by_task(comparison),
        "best_rows": "validation" if chosen_on_valid else "these",
        "num_plotted": len(indices),
        "legend": [(color(i), configurations[i].name) for i in indices[:NUM_COLORS]],
        "seeds": [(task, seeds_chart(comparison, task)) for task in tasks],
        "num_pairs": len(pairs),
        "trade_offs": [trade_off_chart(comparison, *p) for p in pairs[:MAX_PAIRS]],
        "learning_curves": [chart for chart in curves if chart is not None],
        "settings": setting_charts(comparison),
        "num_gates": len(gates),
        "gates": gates[:MAX_GATE_TABLES],
        "fact_names": [name.replace("_", " ") for name in TRAINING_FACTS],
        "training_facts": [
            (configurations[i].name, median_facts(configurations[i])) for i in indices
        ],
        "shared": [
            (key, value)
            for key, value in comparison.baseline.settings.items()
            if all(c.settings.get(key) == value for c in configurations)
        ],
    }


def setting_charts(comparison: DatasetComparison) -> list[Chart]:
    """Returns a chart for each pair of a setting that differs and a task.

    If only one setting differs, there are no charts: the charts of seeds would already
    show the effect of the setting.
    """
    if len(comparison.differing_keys) < 2:
        return []
    charts = []
    for key in comparison.differing_keys:
        for task in comparison.tasks:
            scores = [task.scores[i] for i in plotted_indices(comparison)]
            settings = [s.configuration.settings for s in scores if s.interval]
            values = {s[key] for s in settings if key in s}
            if 1 < len(values) <= MAX_SETTING_VALUES:
                charts.append(setting_chart(comparison, key, task))
    return charts


def median_facts(configuration: Configuration) -> list[str]:
    """Returns the median over seeds of each of `TRAINING_FACTS`, as text."""
    facts_by_seed = [run.training_facts() for run in configuration.runs.values()]
    cells = []
    for name in TRAINING_FACTS:
        values = [x for facts in facts_by_seed if (x := facts[name]) is not None]
        cells.append(f"{statistics.median(values):,.0f}" if values else "-")
    return cells


def verdict_class(difference: Difference) -> str:
    """Returns the CSS class of a difference's verdict."""
    if difference.real:
        return difference.verdict
    uncertain = (Verdict.THESE_ROWS_ONLY, Verdict.TOO_FEW_SEEDS)
    return "uncertain" if difference.verdict in uncertain else "none"


# The functions that the templates call.
FUNCTIONS: dict[str, object] = {
    "interval_text": interval_text,
    "short_key": short_key,
    "verdict_class": verdict_class,
}
