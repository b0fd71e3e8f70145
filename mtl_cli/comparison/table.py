"""The table of a comparison: its headings and cells as text, its legend, Markdown."""

from collections.abc import Sequence

from mtl_cli.comparison.configurations import short_key
from mtl_cli.comparison.intervals import interval_text, mean_text
from mtl_cli.comparison.results import DatasetComparison
from mtl_cli.comparison.task import Score, Task
from mtl_cli.core.message_text import visible, without_autolinks

LEGEND = (
    "± is the 95 % t-interval over seeds. The difference is to the baseline, paired by "
    "seed. A verdict says whether retraining would give the same order and, if there "
    "are predictions, whether another test set would give it too. 'Rows only' says "
    "that retraining would, but perhaps not another test set. The test of retraining "
    "is a t-test over seeds. It estimates the noise from all configurations "
    "with similar noise, and not from the two compared ones only, so p may be smaller "
    "than ± suggests; 'pooled noise' marks a difference that is real though ± holds 0. "
    "Each p is corrected for the number of differences of the task (Holm): the chance "
    "that at least one of them is called real by error is at most 5 %."
)
LINE_LEGEND = (
    "Lines are runs with start_from, day after day: their intervals are over days, and "
    "their differences paired by day. Ahead and behind compare the trained models and "
    "lines themselves: with one seed, nothing is known about training them again. "
    "Scenarios are not compared over days."
)


def legend(comparisons: Sequence[DatasetComparison]) -> str:
    """Explains the intervals and the verdicts of comparisons."""
    has_lines = any(c.is_in_line for x in comparisons for c in x.configurations)
    return f"{LEGEND} {LINE_LEGEND}" if has_lines else LEGEND


def all_warnings(comparisons: list[DatasetComparison]) -> list[str]:
    """Returns all warnings, with the data set's name if there are several."""
    if len(comparisons) == 1:
        return comparisons[0].warnings
    return [f"{c.dataset}: {text}" for c in comparisons for text in c.warnings]


def headings(comparison: DatasetComparison, tasks: list[Task]) -> list[str]:
    keys = comparison.shown_keys
    texts = [short_key(key, keys) for key in keys]
    texts.append("days" if comparison.is_of_lines else "seeds")
    for task in tasks:
        texts += [f"{task.name} {task.metric_title}", "difference", "verdict"]
        texts += [f"to {twin.replace('_', ' ')}" for twin in task.shown_twins]
    return texts


def setting_cells(comparison: DatasetComparison, i: int) -> list[str]:
    """Returns the first cells of a row: settings, and the number of seeds."""
    configuration = comparison.configurations[i]
    settings = comparison.shown_settings(configuration).values()
    return [*(value or "" for value in settings), configuration.replicate_count]


def task_cells(task: Task, score: Score) -> list[str]:
    """Returns the cells of one configuration in the columns of one task."""
    cells = [interval_text(score.interval, task.decimals)]
    to_baseline = score.differences.get("baseline")
    if to_baseline is None:
        cells += ["", "baseline"]
    else:
        difference = interval_text(to_baseline.interval, task.decimals, "+")
        cells += [difference, f"{to_baseline.verdict}{to_baseline.limits}"]
    for twin in task.shown_twins:
        to_twin = score.differences.get(twin)
        cell = ""
        if to_twin is not None and to_twin.interval is not None:
            cell = mean_text(to_twin.interval.mean, task.decimals)
            if to_twin.is_real:
                cell += f" {to_twin.verdict}{to_twin.limits}"
        cells.append(cell)
    return cells


def as_markdown(
    comparisons: list[DatasetComparison],
    line_comparisons: Sequence[DatasetComparison] = (),
) -> str:
    """Returns Markdown tables; headings name data sets, scenarios and lines."""
    blocks = []  # headings and tables
    for comparison in comparisons:
        if len(comparisons) > 1:
            blocks.append(f"## {escaped(comparison.dataset)}\n")
        blocks.append(markdown_table(comparison))
        for name, on_scenario in comparison.by_scenario.items():
            blocks += [f"### {escaped(name)}\n", markdown_table(on_scenario)]
    for comparison in line_comparisons:
        title = escaped(comparison.heading)
        blocks += [f"## {title}\n", markdown_table(comparison)]
    return "\n".join(blocks)


def markdown_table(comparison: DatasetComparison) -> str:
    """Returns one Markdown table; the best score of each task is bold."""
    column_headings = headings(comparison, comparison.tasks)
    table_rows = [column_headings, ["---"] * len(column_headings)]
    for i in range(len(comparison.configurations)):
        row = setting_cells(comparison, i)
        for task in comparison.tasks:
            mean, *others = task_cells(task, task.scores[i])
            is_best = task.scores[i] is task.best
            row += [f"**{mean}**" if is_best else mean, *others]
        table_rows.append(row)
    return "".join(f"| {' | '.join(map(escaped, cells))} |\n" for cells in table_rows)


def escaped(cell: str) -> str:
    """Escapes the characters that begin code, HTML, links or images in Markdown.

    Somebody else's run could have a link as its name. Brackets without a link, as in
    `[64, 32]`, stay as they are.
    """
    text = visible(cell).replace("&", "&amp;").replace("<", "&lt;")
    text = text.replace("\\", "\\\\").replace("|", "\\|").replace("`", "\\`")
    text = text.replace("](", "]\\(").replace("][", "]\\[")
    return without_autolinks(text)
