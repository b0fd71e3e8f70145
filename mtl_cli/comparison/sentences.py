"""Says in sentences which differences are real and which are not."""

from mtl_cli.comparison.difference import Difference, Verdict
from mtl_cli.comparison.formats import comma_list, interval_text
from mtl_cli.comparison.results import DatasetComparison, Task
from mtl_cli.runs.score_table import p_value_text

MAX_SENTENCES = 10  # of one kind


def sentences_by_task(comparison: DatasetComparison) -> dict[str, list[str]]:
    """Returns the sentences about each task."""
    return {
        task.name: [
            *baseline_sentences(task, comparison.baseline.name),
            *transfer_sentences(task),
            *scenario_sentences(task),
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
    lines = [real_difference_sentence(d, task) for d in real[:MAX_SENTENCES]]
    if more := real[MAX_SENTENCES:]:
        names = comma_list(f"{d.configuration.name} is {d.verdict}" for d in more)
        lines.append(f"{names}.")
    lines += [
        f"{d.configuration.name} shows no real difference to {baseline} "
        f"({signed_difference(d, task)}): retraining would give the same order on "
        f"these test rows ({p_value_text(d.seed_p)}), but another test set might not "
        f"({p_value_text(d.row_p)})."
        for d in with_verdict(Verdict.THESE_ROWS_ONLY)[:MAX_SENTENCES]
    ]
    if not_real := with_verdict(Verdict.NOT_REAL):
        names = comma_list(
            f"{d.configuration.name} "
            f"({signed_difference(d, task)}, {p_value_text(d.seed_p)})"
            for d in not_real
        )
        lines.append(f"No real difference to {baseline} was found for {names}.")
    too_few_seeds = with_verdict(Verdict.TOO_FEW_SEEDS)
    if runs := [d for d in too_few_seeds if not d.configuration.is_ensemble]:
        lines.append(
            "There are too few seeds to tell whether retraining would rank these "
            f"configurations and {baseline} in the same order: "
            f"{with_row_tests(runs, task)}. Run them with seed=1,2,3."
        )
    if ensembles := [d for d in too_few_seeds if d.configuration.is_ensemble]:
        lines.append(
            "An ensemble is one model, so only the test rows can tell whether it "
            f"differs from {baseline}: {with_row_tests(ensembles, task)}."
        )
    return lines


def with_row_tests(differences: list[Difference], task: Task) -> str:
    """Returns the names of configurations, with what the tests over rows say."""
    return comma_list(
        d.configuration.name
        if d.row_test is None
        else f"{d.configuration.name} ({signed_difference(d, task)}; on another "
        f"test set {p_value_text(d.row_p)})"
        for d in differences
    )


def real_difference_sentence(difference: Difference, task: Task) -> str:
    """Says how large a real difference is, and which tests show that it is real."""
    size = interval_text(difference.interval, task.decimals).removeprefix("-")
    than = "from" if difference.verdict == Verdict.DIFFERENT else "than"
    rows = (
        f", and so would another test set ({p_value_text(difference.row_p)})"
        if difference.row_test is not None
        else "; whether another test set would give it too is not known"
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


def signed_difference(difference: Difference, task: Task) -> str:
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
        size = signed_difference(difference, task)
        numbers = f"({size}, {p_value_text(difference.seed_p)})"
        if difference.verdict == Verdict.WORSE:
            lines.append(
                f"Negative transfer: {name} is worse than its single-task twin "
                f"{numbers}."
            )
        else:
            lines.append(f"{name} gains over its single-task twin {numbers}.")
    return lines[:MAX_SENTENCES]


def scenario_sentences(task: Task) -> list[str]:
    """Says where a model gains or loses by training on all scenarios together."""
    lines = []
    for part in task.scenarios:
        for score in part.scores:
            difference = score.to_single_scenario
            if difference is None or not difference.real:
                continue
            size = signed_difference(difference, part)
            verb = "loses to" if difference.verdict == Verdict.WORSE else "gains over"
            lines.append(
                f"Scenario {part.scenario}: {score.configuration.name} {verb} its "
                f"single-scenario twin ({size}, {p_value_text(difference.seed_p)})."
            )
    return lines[:MAX_SENTENCES]


def best_sentence(task: Task, split: str) -> list[str]:
    """Names the best configuration, and the rows on which it was chosen."""
    if task.best is None:
        return []
    name = task.best.configuration.name
    score = f"{split} {task.metric} {interval_text(task.best.interval, task.decimals)}"
    if task.best_chosen_on == split:
        return [
            f"{name} is best on the {split} rows themselves, with {score}, "
            "which flatters: the choice and the score are of the same rows."
        ]
    return [f"{name} is best on the validation rows, with {score}."]
