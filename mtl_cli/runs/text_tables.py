"""Makes tables as text: of scores, of tested slices, of tasks and of features."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from mtl_cli.data.report import Report
from mtl_cli.heads.base import Output
from mtl_cli.metrics.score_dict import (
    COUNTS,
    Score,
    Scores,
    metrics_of,
    name_with_space,
)

Cells = list[list[str]]  # the rows of a table; the first row is the header
MAX_FEATURES = 50  # a longer table would fill more than one screen
# The largest distance between a value and the middle of its interval that ± may hide,
# in half widths. 200 bootstrap samples move the middle at random, by 0.04 half widths.
MAX_OFFSET = 0.1


def score_tables(scores: Scores) -> list[Cells]:
    rows = []
    for output, score in scores.items():
        texts = {name: format_metric(x) for name, x in metrics_of(score).items()}
        rows.append((name_with_space(output, score), texts, score))
    return tables_by_metrics(rows)


def tables_by_metrics(rows: Iterable[tuple[str, dict[str, str], Score]]) -> list[Cells]:
    """Makes one table for all outputs with the same metrics: a header, and their rows.

    `rows` are (title, {metric: value as text}, score) of each output.
    """
    tables: dict[tuple[str, ...], Cells] = {}
    for title, metrics, score in rows:
        names = [metric.replace("_", " ") for metric in metrics]
        counts = [name for name in COUNTS if name in score]
        header = ["task", *names, *counts]
        cells = tables.setdefault(tuple(header), [header])
        numbers = (format_count(score[name]) for name in counts)
        cells.append([title, *metrics.values(), *numbers])
    return list(tables.values())


def scenario_table(outputs: list[Output], scores: Scores) -> Cells:
    """Returns a header and one row per scenario; [] if there are no scenarios.

    Each output has a column for its first metric, and one for its number of rows.
    Outputs with binary labels also have one for the number of positive rows.
    """
    # {scenario: score} of each output; all outputs have the same scenarios.
    scores_by_scenario = [
        scores[output.name].get("scenarios", {}) for output in outputs
    ]
    if not scores_by_scenario[0]:
        return []
    header = ["scenario"]
    rows = {scenario: [scenario] for scenario in scores_by_scenario[0]}
    for output, by_scenario in zip(outputs, scores_by_scenario, strict=True):
        counts = [x for x in ("rows", "positives") if x in scores[output.name]]
        header += [f"{output.name} {output.first_metric.replace('_', ' ')}", *counts]
        for scenario, score in by_scenario.items():
            rows[scenario].append(format_metric(score.get(output.first_metric)))
            rows[scenario] += [format_count(score.get(name)) for name in counts]
    return [header, *rows.values()]


def slice_table(title: str, records: Sequence[Mapping[str, Any]]) -> Cells:
    """Returns a header with a task's title, and one row per record of a slice."""
    metric = records[0]["metric"].replace("_", " ")
    cells = [[title, "rows", metric, "on other rows", "surely weaker"]]
    for record in records:
        answer = "yes" if record["surely_weaker"] else "no"
        cells.append(
            [
                f"{record['column']} is {record['slice']}",
                format_count(record["rows"]),
                text_with_interval(record),
                format_metric(record["rest"]),
                f"{answer}, {p_value_text(record['p_corrected'])}",
            ]
        )
    return cells


def slice_text(record: Mapping[str, Any], num_slices: int) -> str:
    slices = "1 slice" if num_slices == 1 else f"{num_slices} slices"
    return (
        f"{record['metric'].replace('_', ' ')} {text_with_interval(record)} where "
        f"{record['column']} is {record['slice']}, {format_metric(record['rest'])} on "
        f"the other rows ({p_value_text(record['p_corrected'])}, corrected for "
        f"{slices})"
    )


def task_table(report: Report, outputs: list[Output]) -> Cells:
    """Returns a header, and one row per output with its row counts in each split."""
    splits = list(report["splits"])
    names = [f"{split} {name}" for split in splits for name in ("rows", "positives")]
    cells = [["task", *names]]
    for output in outputs:
        row = [output.title]
        for split in splits:
            counts = report["tasks"][output.name][split]
            row += [format_count(counts["rows"]), format_count(counts.get("positives"))]
        cells.append(row)
    return cells


def feature_table(report: Report) -> Cells:
    """Returns a header, and one row for each of the first `MAX_FEATURES` features.

    The columns `unseen` and `drift` compare the last split with the training rows.
    """
    last_split = list(report["splits"])[-1]
    header = ["feature", "kind", "values", "missing", f"unseen in {last_split}"]
    cells = [[*header, f"drift to {last_split}", "best auc alone"]]
    for name, feature in list(report["features"].items())[:MAX_FEATURES]:
        best = max(feature["auc"].items(), key=lambda item: item[1], default=None)
        drift = None if last_split == "train" else feature["drift"][last_split]
        cells.append(
            [
                name,
                feature["kind"],
                f"{feature['distinct']:,}",
                format_share(feature["missing"].get("train")),
                format_share(feature["unseen"].get(last_split)),
                "-" if drift is None else f"{drift:.3f}",
                "-" if best is None else f"{best[1]:.4f} {best[0]}",
            ]
        )
    return cells


def format_metric(value: float | None, scale: float | None = None) -> str:
    """Formats a metric; a dash for None.

    `scale` is the size that decides about the digits, by default the value's own size:
    four decimals, one decimal from 1000 on, three significant digits below 0.001.
    """
    if value is None:
        return "-"
    scale = abs(value) if scale is None else scale
    if scale >= 1000:
        return f"{value:z,.1f}"
    # `z` writes a small number below 0 as 0.0000, not as -0.0000.
    return f"{value:z.4f}" if value == 0 or scale >= 0.001 else f"{value:#.3g}"


def scale_of(metric: Mapping[str, Any]) -> float:
    """Returns the size of a value and of the ends of its interval, if they are known.

    Numbers that stand side by side are formatted with the same scale.
    """
    numbers = [metric[key] for key in ("value", "low", "high")]
    return max((abs(x) for x in numbers if x is not None), default=0.0)


def format_count(value: int | None) -> str:
    return "-" if value is None else f"{value:,}"


def format_share(value: float | None) -> str:
    return "-" if value is None else f"{value:.1%}"


def text_with_interval(metric: Mapping[str, Any]) -> str:
    """Returns a value and its 95 % interval, such as `0.9167 ±0.0046`.

    If the value is not in the middle of the interval, the ends of the interval are
    given instead, as in `0.0345 (0.0104 to 0.0387)`.
    """
    value, low, high = metric["value"], metric["low"], metric["high"]
    scale = scale_of(metric)
    text = format_metric(value, scale)
    if low is None:
        return text
    half_width = (high - low) / 2
    if abs((low + high) / 2 - value) > MAX_OFFSET * half_width:
        return f"{text} ({format_metric(low, scale)} to {format_metric(high, scale)})"
    return f"{text} ±{format_metric(half_width, scale)}"


def p_value_text(p: float) -> str:
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}"
