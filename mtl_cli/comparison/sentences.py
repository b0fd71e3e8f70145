"""Says in sentences which differences are real and which are not."""

from mtl_cli.comparison.difference import Difference, Verdict
from mtl_cli.comparison.formats import comma_list, interval_text, p_value_text
from mtl_cli.comparison.results import DatasetComparison, Task

MAX_SENTENCES = 10  # of one kind


def sentences_by_task(comparison: DatasetComparison) -> dict[str, list[str]]:
    """Returns the sentences about each task."""
    return {
        task.name: [
            *baseline_sentences(task, comparison.baseline.name),
            *transfer_sentences(task),
            *best_sentence(task, comparison.split),
        ]
        for task in comparison.tasks
    }


def baseline_sentences(task: Task, baseline: str) -> list[str]:
    """Says which configurations differ from the baseline, sorted by verdict."""
    differences = [s.to_baseline for s in task.scores if s.to_baseline is not None]

    def with_verdict(verdict: Verdict) -> list[Difference]:
        return [d for d in differences if d.verdict == verdict]

    real = [d for d in differences if d.real]
    real.sort(key=lambda d: -(task.direction or 1) * mean_difference(d))
    lines = [real_difference(d, task) for d in real[:MAX_SENTENCES]]
    if more := real[MAX_SENTENCES:]:
        names = comma_list(f"{d.configuration.name} is {d.verdict}" for d in more)
        lines.append(f"{names}.")
    lines += [
        f"No real difference shown for {d.configuration.name} ({change(d, task)}): "
        f"retraining would give the same order on these test rows "
        f"({p_value_text(d.seed_p)}), another test set might not "
        f"({p_value_text(d.row_p)})."
        for d in with_verdict(Verdict.THESE_ROWS_ONLY)[:MAX_SENTENCES]
    ]
    if not_real := with_verdict(Verdict.NOT_REAL):
        names = comma_list(
            f"{d.configuration.name} ({change(d, task)}, {p_value_text(d.seed_p)})"
            for d in not_real
        )
        lines.append(f"No real difference to {baseline}: {names}.")
    if too_few_seeds := with_verdict(Verdict.TOO_FEW_SEEDS):
        names = comma_list(
            d.configuration.name
            if d.row_test is None
            else f"{d.configuration.name} ({change(d, task)}; on another test set "
            f"{p_value_text(d.row_p)})"
            for d in too_few_seeds
        )
        lines.append(
            f"Not known for lack of seeds whether retraining would give the same order "
            f"as {baseline}: {names}. Run them with seed=1,2,3."
        )
    return lines


def real_difference(difference: Difference, task: Task) -> str:
    """Says how large a real difference is, and which tests show that it is real."""
    size = interval_text(difference.interval, task.decimals).removeprefix("-")
    than = "from" if difference.verdict == Verdict.DIFFERENT else "than"
    rows = (
        f", and so would another test set ({p_value_text(difference.row_p)})"
        if difference.row_test is not None
        else "; whether another test set would is not known"
    )
    return (
        f"{difference.configuration.name} is {difference.verdict} {than} "
        f"{difference.other.name} by {size}: retraining would give the same order "
        f"({p_value_text(difference.seed_p)}){rows}."
    )


def mean_difference(difference: Difference) -> float:
    """Returns the mean difference, from test rows if no seeds can be compared."""
    if difference.interval is not None:
        return difference.interval.mean
    return difference.row_test.difference if difference.row_test else 0.0


def change(difference: Difference, task: Task) -> str:
    """Returns the mean difference with its sign, such as `-0.0120`."""
    return f"{mean_difference(difference):+.{task.decimals}f}"


def transfer_sentences(task: Task) -> list[str]:
    """Says which models gain or lose on this task by training the tasks together."""
    lines = []
    for score in task.scores:
        difference = score.to_single_task
        if difference is None or not difference.real:
            continue
        name = score.configuration.name
        size = f"({change(difference, task)}, {p_value_text(difference.seed_p)})"
        if difference.verdict == Verdict.WORSE:
            lines.append(
                f"Negative transfer: {name} is worse than its single-task twin {size}."
            )
        else:
            lines.append(f"{name} gains over its single-task twin {size}.")
    return lines[:MAX_SENTENCES]


def best_sentence(task: Task, split: str) -> list[str]:
    """Names the best configuration, and the rows on which it was chosen."""
    if task.best is None:
        return []
    score = (
        f"{task.best.configuration.name}, {split} {task.metric} "
        f"{interval_text(task.best.interval, task.decimals)}"
    )
    if task.best_chosen_on == split:
        return [
            f"Highest place on the {split} rows themselves, which flatters: {score}."
        ]
    return [f"Best on validation rows: {score}."]
