"""Writes comparisons at full precision, as CSV and JSON.

A spreadsheet runs a cell such as `=HYPERLINK(...)` as a formula. The names of runs and
settings may come from someone else, and a formula in a name could send data away. So no
text in the CSV begins as a formula does.
"""

import csv
import io
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from mtl_cli.comparison.results import DatasetComparison

# A formula begins with one of these characters. The last four are the full-width forms
# of `=+-@`: East Asian spreadsheets read both alike.
FORMULA_SIGNS = r"=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20"
# The start of a text that is a formula. A spreadsheet may split cells at `;` or tabs
# instead of commas, so a formula may also begin after these.
FORMULA_START = re.compile(rf"(?:^|(?<=[;\t\r\n]))(?=[{FORMULA_SIGNS}])")


def csv_text(headings: Iterable[str], rows: Iterable[Mapping[str, Any]]) -> str:
    """Returns rows, {heading: cell}, as CSV; keys without a heading are left out."""
    columns = list(headings)
    stream = io.StringIO()
    writer = csv.writer(stream)
    writer.writerow(map(without_formula, columns))
    for row in rows:
        writer.writerow([without_formula(row.get(column)) for column in columns])
    return stream.getvalue()


def without_formula(value: object) -> object:
    """Puts an apostrophe before each text that a spreadsheet would run as a formula.

    Numbers such as `-0.5` begin as a formula does, but are not changed.

    >>> without_formula("x;=1+1")
    "x;'=1+1"
    """
    if not isinstance(value, str):
        return value
    try:
        float(value)
    except ValueError:
        return FORMULA_START.sub("'", value)
    return value


def as_csv(comparisons: list[DatasetComparison]) -> str:
    """Returns the rows of comparisons as CSV; a single data set is not named."""
    rows = [row for comparison in comparisons for row in comparison.rows()]
    setting_keys = [key for comparison in comparisons for key in comparison.shown_keys]
    headings = dict.fromkeys(
        ["dataset", *setting_keys, *(key for row in rows for key in row)]
    )
    if len(comparisons) == 1:
        del headings["dataset"]
    return csv_text(headings, rows)


def as_json(
    comparisons: list[DatasetComparison],
    line_comparisons: Sequence[DatasetComparison] = (),
) -> str:
    """Returns comparisons as JSON: `as_dict` of the comparison if there is one only.

    Otherwise, "datasets" holds {data set: comparison}. If there are comparisons of
    lines, "lines" holds {data set: comparison}, with numbers of days under "seeds".
    """
    if len(comparisons) == 1:
        value = as_dict(comparisons[0])
    else:
        value = {"datasets": {c.dataset: as_dict(c) for c in comparisons}}
    if line_comparisons:
        value["lines"] = {c.dataset: as_dict(c) for c in line_comparisons}
    return json.dumps(value, indent=2, allow_nan=False) + "\n"


def as_dict(comparison: DatasetComparison) -> dict[str, Any]:
    num_configurations = len(comparison.configurations)
    return {
        "split": comparison.split,
        "baseline": comparison.baseline.name,
        "baseline_because": comparison.baseline_reason,
        "settings": comparison.shown_keys,
        "tasks": {
            task.name: {
                "metric": task.metric,
                "direction": task.direction if task.is_metric_known else None,
                "best": task.best and task.best.configuration.name,
                "best_chosen_on": task.best_chosen_on or None,
                "verdicts": task.sentences,
            }
            for task in comparison.tasks
        },
        "configurations": [
            configuration_dict(comparison, i) for i in range(num_configurations)
        ],
        "warnings": comparison.warnings,
    }


def configuration_dict(comparison: DatasetComparison, i: int) -> dict[str, Any]:
    configuration = comparison.configurations[i]
    return {
        "name": configuration.name,
        "settings": comparison.shown_settings(configuration),
        "seeds": sorted(configuration.runs),
        "lost_seeds": sorted(run.seed for run in configuration.unscored_runs),
        "runs": [str(folder) for folder in configuration.folders],
        "tasks": {task.name: task.score_dict(i) for task in comparison.tasks},
    }
