"""One self-contained HTML page: it asks nothing of the network."""

import statistics
from itertools import combinations
from pathlib import Path

from mtl_cli.compare.charts import escape
from mtl_cli.compare.comparison import Comparison
from mtl_cli.compare.dashboard import board_section
from mtl_cli.compare.gates import gate_section
from mtl_cli.compare.leaderboard import COST, cost
from mtl_cli.compare.markup import cards, head, section, table, text
from mtl_cli.compare.plots import (
    COLORS,
    chosen,
    color,
    learning_curves,
    seeds_plot,
    setting_plot,
    trade_off,
)
from mtl_cli.compare.table import title
from mtl_cli.compare.verdicts import verdicts

MOST_PAIRS = 6
MOST_VALUES = 12  # of a setting
STYLE = Path(__file__).parent / "page.css"


def page(results: list[Comparison]) -> str:
    """Returns the page; all that comes from data is escaped."""
    heading = "; ".join(map(heading_of, results))
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        '<meta name="color-scheme" content="light dark"><link rel="icon" href="data:,">'
        f"<title>{escape(heading)}</title><style>{STYLE.read_text('utf-8')}</style>"
        f"</head><body><main>{''.join(map(body, results))}</main></body></html>\n"
    )


def heading_of(result: Comparison) -> str:
    """Returns how much is compared on which data set."""
    return f"{len(result.configurations)} configurations on {result.dataset}"


def body(result: Comparison) -> str:
    """Returns all that the page says of a data set."""
    runs = sum(len(one.runs) for one in result.configurations)
    about = (
        f"{runs} runs, scored on {result.split} rows. Compared with "
        f"{result.baseline.name}: {result.why}."
    )
    parts = [
        f"<h1>{escape(heading_of(result))}</h1>",
        f'<p class="soft">{escape(about)}</p>',
        warning_box(result.warnings),
        verdict_section(result),
        board_section(result),
        seeds_section(result),
        trade_off_section(result),
        curves_section(result),
        settings_section(result),
        gate_section(result),
        cost_section(result),
        shared_section(result),
    ]
    return "".join(parts)


def warning_box(warned: list[str]) -> str:
    """Returns what to know first."""
    lines = "".join(f"<p>{escape(line)}</p>" for line in warned)
    return f'<div class="warn">{lines}</div>' if warned else ""


def verdict_section(result: Comparison) -> str:
    """Returns the verdicts in words, a card a task."""
    texts = verdicts(result)
    parts = []
    for task in result.tasks:
        items = "".join(f"<li>{escape(line)}</li>" for line in texts[task.name])
        parts.append(f'<h3>{escape(title(task))}</h3><ul class="words">{items}</ul>')
    return section("What is real", "", cards(parts, "fit"))


def seeds_section(result: Comparison) -> str:
    """Returns seeds as dots."""
    left_out = len(result.configurations) - len(chosen(result))
    about = (
        "Small dots are seeds, large ones their mean, bars its 95 % interval; the "
        "dashed line is the baseline."
    )
    if left_out:
        about += f" The plots hold {len(chosen(result))} configurations, not all."
    plots = [
        f"<h3>{escape(task.name)}</h3>{seeds_plot(result, task)}"
        for task in result.tasks
    ]
    return section("Seeds", about, cards(plots))


def legend(result: Comparison) -> str:
    """Returns names beside their colours."""
    names = [(i, escape(result.configurations[i].name)) for i in chosen(result)]
    items = "".join(
        f'<span class="{color(i)}"><i></i>{name}</span>' for i, name in names[:COLORS]
    )
    return f'<div class="legend">{items}</div>'


def trade_off_section(result: Comparison) -> str:
    """Returns tasks against each other."""
    if len(result.tasks) < 2 or len(chosen(result)) < 2:
        return ""
    pairs = list(combinations(result.tasks, 2))
    about = (
        "Tasks against each other, with intervals. Ringed dots, joined by the dashed "
        "line, are the Pareto front: no other is better on both."
    )
    if len(pairs) > MOST_PAIRS:
        about += f" The first {MOST_PAIRS} of {len(pairs)} pairs."
    plots = [trade_off(result, *pair) for pair in pairs[:MOST_PAIRS]]
    return section("Trade-off between tasks", about, legend(result) + cards(plots))


def curves_section(result: Comparison) -> str:
    """Returns learning curves, or says that there are none."""
    curves = [learning_curves(result, task) for task in result.tasks]
    plots = [curve for curve in curves if curve is not None]
    if not plots:
        missing = "No run has validation metrics in its history.csv."
        return section("Learning curves", missing, "")
    about = "On validation rows, a line a seed; the worst fifth of values is cut off."
    return section("Learning curves", about, legend(result) + cards(plots))


def settings_section(result: Comparison) -> str:
    """Returns what each swept setting does."""
    plots = []
    for key in result.keys:
        for task in result.tasks:
            cells = [task.cells[i] for i in chosen(result)]
            having = [cell.configuration.settings for cell in cells if cell.mean]
            values = {settings[key] for settings in having if key in settings}
            if 1 < len(values) <= MOST_VALUES:
                plots.append(setting_plot(result, key, task))
    if not plots or len(result.keys) < 2:
        return ""
    about = (
        "A dot a configuration; the line is their mean at each value, whatever the "
        "other settings are."
    )
    return section("What each setting does", about, cards(plots, "small"))


def cost_section(result: Comparison) -> str:
    """Returns what each configuration costs."""
    names = ["configuration", *(name.replace("_", " ") for name in COST)]
    rows = [head(names[0], "text") + "".join(head(name) for name in names[1:])]
    for i in chosen(result):
        one = result.configurations[i]
        found = [cost(run) for run in one.runs.values()]
        row = text(one.name)
        for name in COST:
            known = [each[name] for each in found if each[name] is not None]
            row += (
                f"<td>{statistics.median(known):,.0f}</td>" if known else "<td>-</td>"
            )
        rows.append(row)
    about = (
        "Medians over seeds. Seconds are of a whole run, samples a second of training; "
        "both depend on the machine and what else it did."
    )
    return section("Cost", about, table(rows))


def shared_section(result: Comparison) -> str:
    """Returns the settings that differ by name, and those that all share."""
    shared = [
        (key, value)
        for key, value in result.baseline.settings.items()
        if all(one.settings.get(key) == value for one in result.configurations)
    ]
    about = f"Settings that differ: {', '.join(result.keys) or 'none'}."
    rows = table(text(key) + text(value) for key, value in shared)
    inside = (
        f"<details><summary>{len(shared)} settings that are the same in all</summary>"
        f"{rows}</details>"
    )
    return section("Configurations", about, inside)
