"""Writes sentences that say which differences are real and which are not."""

from mtl_cli.comparison.difference import Difference, Verdict
from mtl_cli.comparison.formats import comma_list, interval_text
from mtl_cli.comparison.results import DatasetComparison, Task
from mtl_cli.runs.score_table import p_value_text

MAX_SENTENCES = 10  # number of sentences of one kind about a task


def sentences_by_task(comparison: DatasetComparison) -> dict[str, list[str]]:
    """Returns the sentences about each task, {task: sentences}."""
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
    """Says which configurations differ from the baseline, grouped by verdict.

    Args:
        task: the task.
        baseline: the name of the baseline.
    """
    differences = [s.to_baseline for s in task.scores if s.to_baseline is not None]

    def with_verdict(verdict: Verdict) -> list[Difference]:
        return [d for d in differences if d.verdict == verdict]

    real = [d for d in differences if d.real]
    # Best first. Without a direction of the metric, the highest score comes first.
    real.sort(key=lambda d: -(task.direction or 1) * mean_difference(d))
    lines = [real_difference_sentence(d, task) for d in real[:MAX_SENTENCES]]
    if without_sentence := real[MAX_SENTENCES:]:
        verdicts = [f"{d.configuration.name} is {d.verdict}" for d in without_sentence]
        lines.append(f"{comma_list(verdicts)}.")
    lines += [
        f"{d.configuration.name} shows no real difference to {baseline} "
        f"({signed_difference(d, task)}): retraining would give the same order on "
        f"these test rows ({p_value_text(d.corrected_seed_p)}), but another test set "
        f"might not ({p_value_text(d.corrected_row_p)})."
        for d in with_verdict(Verdict.THESE_ROWS_ONLY)[:MAX_SENTENCES]
    ]
    if not_real := with_verdict(Verdict.NOT_REAL):
        names = comma_list(
            f"{d.configuration.name} {size_and_p_value(d, task)}" for d in not_real
        )
        lines.append(f"No real difference to {baseline} was found for {names}.")
    too_few_seeds = with_verdict(Verdict.TOO_FEW_SEEDS)
    return lines + too_few_seeds_sentences(too_few_seeds, task, baseline)


def too_few_seeds_sentences(
    differences: list[Difference], task: Task, baseline: str
) -> list[str]:
    """Names the configurations whose seeds are too few for a seed test.

    Args:
        differences: the differences of these configurations to the baseline.
        task: the task.
        baseline: the name of the baseline.
    """
    lines = []
    if runs := [d for d in differences if not d.configuration.is_ensemble]:
        lines.append(
            "There are too few seeds to tell whether retraining would rank these "
            f"configurations and {baseline} in the same order: "
            f"{with_row_tests(runs, task)}. Run them with seed=1,2,3."
        )
    if ensembles := [d for d in differences if d.configuration.is_ensemble]:
        lines.append(
            "An ensemble is one model, so only the test rows can tell whether it "
            f"differs from {baseline}: {with_row_tests(ensembles, task)}."
        )
    return lines


def with_row_tests(differences: list[Difference], task: Task) -> str:
    """Lists configurations, with the result of the row test if there is one."""
    return comma_list(
        d.configuration.name
        if d.row_test is None
        else f"{d.configuration.name} ({signed_difference(d, task)}; on another "
        f"test set {p_value_text(d.corrected_row_p)})"
        for d in differences
    )


def real_difference_sentence(difference: Difference, task: Task) -> str:
    """Says how large a real difference is, and which tests show that it is real."""
    # The verdict says the direction, so the size needs no sign.
    size = interval_text(difference.interval, task.decimals).removeprefix("-")
    than = "from" if difference.verdict == Verdict.DIFFERENT else "than"
    if difference.row_test is None:
        row_test_text = "; whether another test set would give it too is not known"
    else:
        p_value = p_value_text(difference.corrected_row_p)
        row_test_text = f", and so would another test set ({p_value})"
    return (
        f"{difference.configuration.name} is {difference.verdict} {than} "
        f"{difference.other.name} by {size}: retraining would give the same order "
        f"({p_value_text(difference.corrected_seed_p)}){row_test_text}."
    )


def mean_difference(difference: Difference) -> float:
    """Returns the mean difference over seeds, or over rows if seeds are too few."""
    if difference.interval is not None:
        return difference.interval.mean
    return difference.row_test.difference if difference.row_test else 0.0


def signed_difference(difference: Difference, task: Task) -> str:
    """Returns the mean difference with its sign, such as `-0.0120`."""
    return f"{mean_difference(difference):+.{task.decimals}f}"


def size_and_p_value(difference: Difference, task: Task) -> str:
    """Returns the mean difference and its p-value, such as `(-0.0120, p = 0.004)`."""
    p_value = p_value_text(difference.corrected_seed_p)
    return f"({signed_difference(difference, task)}, {p_value})"


def transfer_sentences(task: Task) -> list[str]:
    """Says which models gain or lose on a task by learning several tasks together.

    These are the real differences to single-task twins.
    """
    lines = []
    for score in task.scores:
        difference = score.to_single_task
        if difference is None or not difference.real:
            continue
        name = score.configuration.name
        numbers = size_and_p_value(difference, task)
        if difference.verdict == Verdict.WORSE:
            lines.append(
                f"Negative transfer: {name} is worse than its single-task twin "
                f"{numbers}."
            )
        else:
            lines.append(f"{name} gains over its single-task twin {numbers}.")
    return lines[:MAX_SENTENCES]


def scenario_sentences(task: Task) -> list[str]:
    """Says on which scenarios a model gains or loses by learning all scenarios.

    These are the real differences to single-scenario twins.
    """
    lines = []
    for on_scenario in task.scenarios:
        for score in on_scenario.scores:
            difference = score.to_single_scenario
            if difference is None or not difference.real:
                continue
            numbers = size_and_p_value(difference, on_scenario)
            verb = "loses to" if difference.verdict == Verdict.WORSE else "gains over"
            lines.append(
                f"Scenario {on_scenario.scenario}: {score.configuration.name} {verb} "
                f"its single-scenario twin {numbers}."
            )
    return lines[:MAX_SENTENCES]


def best_sentence(task: Task, split: str) -> list[str]:
    """Names the best configuration, and the rows on which it was chosen.

    Returns: a list with the sentence; [] if no configuration is the best.
    """
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
