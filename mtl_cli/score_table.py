"""The table of a run's scores: a row an output, a column a metric, and counts."""

from mtl_cli.evaluate import Scores
from mtl_cli.metrics import METRICS
from mtl_cli.tasks import Output


def metric_names(outputs: list[Output], scores: Scores) -> list[str]:
    """Returns the metrics that any output has, in order."""
    known = list(dict.fromkeys(name for kind in METRICS for name in METRICS[kind]))
    known.append("truth_rmse")
    return [n for n in known if any(n in scores[output.name] for output in outputs)]


def heads(outputs: list[Output], scores: Scores) -> list[str]:
    """Returns the titles of the table's columns."""
    names = [name.replace("_", " ") for name in metric_names(outputs, scores)]
    return ["task", *names, "rows", "positives"]


def rows(outputs: list[Output], scores: Scores) -> list[list[str]]:
    """Returns the table's cells, a row an output."""
    names = metric_names(outputs, scores)
    return [
        [
            output.title,
            *(short(scores[output.name].get(name)) for name in names),
            count(scores[output.name]["rows"]),
            count(scores[output.name].get("positives")),
        ]
        for output in outputs
    ]


def short(value: float | None) -> str:
    """Returns a metric to four places, or a dash where it is undefined."""
    if value is None:
        return "-"
    return f"{value:.4f}" if abs(value) < 1000 else f"{value:,.1f}"


def count(value: int | None) -> str:
    """Returns a count with separators, or a dash where there is none."""
    return "-" if value is None else f"{value:,}"
