"""The leaderboard of the page."""

from mtl_cli.compare.charts import escape
from mtl_cli.compare.comparison import Cell, Comparison, Task
from mtl_cli.compare.configurations import short
from mtl_cli.compare.markup import head, section, table, text
from mtl_cli.compare.numbers import decimals, interval
from mtl_cli.compare.pairwise import FEW, ROWS, Versus
from mtl_cli.compare.table import has_twins, seeds, shown_keys

CLASSES = {ROWS: "rows", FEW: "few"}


def board_section(result: Comparison) -> str:
    """Returns a row a configuration, and for each task its numbers."""
    keys = shown_keys(result)
    groups = head("", columns=len(keys) + 1)
    heads = "".join(head(short(k, keys), "text") for k in keys) + head("seeds")
    for task in result.tasks:
        twins = has_twins(task)
        groups += head(task.name, "group start", 3 if twins else 2)
        heads += head(task.metric.replace("_", " "), "start") + head("difference")
        heads += head("to single task") if twins else ""
    rows = [
        "".join(text(one.settings.get(key, "")) for key in keys)
        + f"<td>{escape(seeds(one))}</td>"
        + "".join(task_cells(task, task.cells[i]) for task in result.tasks)
        for i, one in enumerate(result.configurations)
    ]
    chosen = any(task.chosen_on == "valid" for task in result.tasks)
    about = (
        "Only the settings that differ are shown. ± is the 95 % interval over seeds; "
        "differences are to the baseline, paired by seed. ★ is best on "
        + ("validation rows." if chosen else "these rows.")
    )
    return section("Leaderboard", about, table([groups, heads, *rows]))


def task_cells(task: Task, cell: Cell) -> str:
    """Returns a configuration's cells on a task."""
    places = decimals(task)
    mean = spread(interval(cell.mean, places))
    if cell is task.best:
        mean = f'<span class="best">{mean}</span>'
    row = f'<td class="start">{mean}</td>'
    against = cell.against
    if against is None:
        row += '<td><span class="pill none">baseline</span></td>'
    else:
        difference = spread(interval(against.difference, places, "+"))
        row += f"<td>{difference}<br>{pill(against)}</td>"
    if has_twins(task):
        twin = cell.twin
        known = ""
        if twin is not None and twin.difference is not None:
            known = f"{twin.difference.mean:+.{places}f}<br>{pill(twin)}"
        row += f"<td>{known}</td>"
    return row


def spread(number: str) -> str:
    """Returns a number whose interval is set in grey."""
    mean, space, half = escape(number).partition(" ")
    return f'{mean}{space}<span class="pm">{half}</span>' if half else mean


def pill(versus: Versus) -> str:
    """Returns a verdict."""
    kind = versus.verdict if versus.real else CLASSES.get(versus.verdict, "none")
    return f'<span class="pill {kind}">{escape(versus.verdict)}</span>'
