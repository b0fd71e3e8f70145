"""Says in sentences which differences are real and which are not."""

from mtl_cli.comparison.difference import Difference, Verdict
from mtl_cli.comparison.formats import interval, joined, probability
from mtl_cli.comparison.results import DatasetComparison, Score, Task

MAX_SENTENCES = 10  # of one kind


def sentences_by_task(comparison: DatasetComparison) -> dict[str, list[str]]:
    """Returns the sentences about each task."""
    return {task.name: sentences(task, comparison) for task in comparison.tasks}


def sentences(task: Task, comparison: DatasetComparison) -> list[str]:
    """Returns the sentences about one task."""
    baseline = comparison.baseline.name
    pairs = [(s, s.to_baseline) for s in task.scores if s.to_baseline is not None]
    real = [(s, d) for s, d in pairs if d.real]
    sign = task.direction or 1
    real.sort(key=lambda pair: -sign * mean_of(pair[1]))
    lines = [real_difference(s, d, task) for s, d in real[:MAX_SENTENCES]]
    if more := real[MAX_SENTENCES:]:
        names = joined(f"{s.configuration.name} is {d.verdict}" for s, d in more)
        lines.append(f"{names}.")
    these_rows_only = [(s, d) for s, d in pairs if d.verdict == Verdict.THESE_ROWS_ONLY]
    lines += [
        f"No real difference shown for {s.configuration.name} ({change(d, task)}): "
        f"retraining would give the same order on these test rows "
        f"({probability(d.seed_p)}), another test set might not "
        f"({probability(d.row_p)})."
        for s, d in these_rows_only[:MAX_SENTENCES]
    ]
    if not_real := [(s, d) for s, d in pairs if d.verdict == Verdict.NOT_REAL]:
        names = joined(
            f"{s.configuration.name} ({change(d, task)}, {probability(d.seed_p)})"
            for s, d in not_real
        )
        lines.append(f"No real difference to {baseline}: {names}.")
    if unknown := [(s, d) for s, d in pairs if d.verdict == Verdict.TOO_FEW_SEEDS]:
        names = joined(
            s.configuration.name
            if d.row_test is None
            else f"{s.configuration.name} ({change(d, task)}; on another test set "
            f"{probability(d.row_p)})"
            for s, d in unknown
        )
        lines.append(
            f"Not known for lack of seeds whether retraining would give the same order "
            f"as {baseline}: {names}. Run them with seed=1,2,3."
        )
    return [*lines, *transfer(task), *best(task, comparison)]


def mean_of(difference: Difference) -> float:
    """Returns the difference that the table shows."""
    return difference.interval.mean if difference.interval else 0.0


def change(difference: Difference, task: Task) -> str:
    """Returns the difference with its sign."""
    return f"{mean_of(difference):+.{task.decimals}f}"


def real_difference(score: Score, difference: Difference, task: Task) -> str:
    """Says how large a real difference is, and which tests show that it is real."""
    size = interval(difference.interval, task.decimals).removeprefix("-")
    than = "from" if difference.verdict == Verdict.DIFFERENT else "than"
    rows = (
        f", and so would another test set ({probability(difference.row_p)})"
        if difference.row_test is not None
        else "; whether another test set would is not known"
    )
    return (
        f"{score.configuration.name} is {difference.verdict} {than} "
        f"{difference.other.name} by {size}: retraining would give the same order "
        f"({probability(difference.seed_p)}){rows}."
    )


def transfer(task: Task) -> list[str]:
    """Says which models gain or lose on this task by training the tasks together."""
    lines = []
    for score in task.scores:
        difference = score.to_single_task
        if difference is None or difference.seed_test is None:
            continue
        name = score.configuration.name
        size = f"({change(difference, task)}, {probability(difference.seed_p)})"
        if difference.verdict == Verdict.WORSE:
            lines.append(
                f"Negative transfer: {name} is worse than its single-task twin {size}."
            )
        elif difference.real:
            lines.append(f"{name} gains over its single-task twin {size}.")
    return lines[:MAX_SENTENCES]


def best(task: Task, comparison: DatasetComparison) -> list[str]:
    """Names the best configuration, and the rows on which it was chosen."""
    if task.best is None:
        return []
    score = (
        f"{task.best.configuration.name}, {comparison.split} {task.metric} "
        f"{interval(task.best.mean, task.decimals)}"
    )
    if task.best_chosen_on == comparison.split:
        return [
            f"Highest place on the {comparison.split} rows themselves, which flatters: "
            f"{score}."
        ]
    return [f"Best on validation rows: {score}."]
