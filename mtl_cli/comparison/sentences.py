"""Writes sentences that say which differences are real and which are not.

A line is a chain of runs, one per day, see `comparison.lines`.
"""

from mtl_cli.comparison.difference import Difference, Verdict
from mtl_cli.comparison.intervals import interval_text
from mtl_cli.comparison.task import Task
from mtl_cli.comparison.twins import unmet_twin_settings
from mtl_cli.core.message_text import comma_list, counted
from mtl_cli.runs.text_tables import p_value_text

# {verdict that says how two configurations differ: its words in a sentence}.
RELATIONS = {
    Verdict.BETTER: "better than",
    Verdict.WORSE: "worse than",
    Verdict.DIFFERENT: "different from",
    Verdict.AHEAD: "ahead of",
    Verdict.BEHIND: "behind",
}
MAX_SENTENCES = 10  # the largest number of sentences of one kind about a task
# {verdict on the difference to a twin: the verb of its sentence}.
TWIN_VERBS = {
    Verdict.BETTER: "gains over",
    Verdict.WORSE: "loses to",
    Verdict.DIFFERENT: "differs from",
}


def sentences(task: Task, baseline: str, split: str) -> list[str]:
    """Returns all sentences about a task whose p-values are corrected."""
    return [
        *real_difference_sentences(task),
        *unsure_difference_sentences(task, baseline),
        *twin_sentences(task),
        *best_sentences(task, split),
    ]


def real_difference_sentences(task: Task) -> list[str]:
    """Describes the real differences to the baseline: their size and their p-values.

    The best configuration comes first. If the metric has no direction, the
    configuration with the highest score comes first.
    """
    differences = [score.differences.get("baseline") for score in task.scores]
    real = [d for d in differences if d and d.is_real]
    real.sort(key=lambda d: d.mean, reverse=task.direction != -1)
    texts = [same_order_sentence(d, task) for d in real[:MAX_SENTENCES]]
    if others := real[MAX_SENTENCES:]:
        verdicts = [f"{d.configuration.name} is {d.verdict}" for d in others]
        texts.append(f"{comma_list(verdicts)}.")
    return texts


def same_order_sentence(difference: Difference, task: Task) -> str:
    """Says that retraining, or other days of two lines, would give the same order."""
    cause = "other days" if difference.day_count else "retraining"
    p_value = p_value_text(difference.corrected_replicate_p)
    # The verdict says the direction, so the size needs no sign.
    size = interval_text(difference.interval, task.decimals).removeprefix("-")
    other_test_set = ""
    if difference.row_test is not None:
        row_p_value = p_value_text(difference.corrected_row_p)
        other_test_set = f", and so would another test set ({row_p_value})"
    elif not difference.day_count:
        other_test_set = "; whether another test set would give it too is not known"
    return (
        f"{difference.configuration.name} is {RELATIONS[difference.verdict]} "
        f"{difference.other.name} by {size}{over_days(difference)}: {cause} "
        f"would give the same order ({p_value}){other_test_set}."
    )


def unsure_difference_sentences(task: Task, baseline: str) -> list[str]:
    """Names the configurations whose difference to the baseline is not real.

    The sentences are grouped by verdict.
    """
    return [
        *rows_only_sentences(task),
        *as_trained_sentences(task, baseline),
        *not_real_sentences(task, baseline),
        *too_few_rows_sentences(task, baseline),
        *not_tested_sentences(task, baseline),
        *too_few_seeds_sentences(task, baseline),
    ]


def differences_with_verdict(task: Task, verdict: Verdict) -> list[Difference]:
    """Returns the differences to the baseline that have this verdict."""
    differences = [score.differences.get("baseline") for score in task.scores]
    return [d for d in differences if d and d.verdict == verdict]


def rows_only_sentences(task: Task) -> list[str]:
    """Describes the differences that another test set might not show."""
    differences = differences_with_verdict(task, Verdict.THESE_ROWS_ONLY)
    return [rows_only_sentence(d, task) for d in differences[:MAX_SENTENCES]]


def rows_only_sentence(difference: Difference, task: Task) -> str:
    """Says that retraining, but maybe not another test set, would show a difference."""
    cause = "other days" if difference.day_count else "retraining"
    return (
        f"{difference.configuration.name} shows no real difference to "
        f"{difference.other.name} ({signed_difference(difference, task)}): {cause} "
        "would give the same order on these test rows "
        f"({p_value_text(difference.corrected_replicate_p)}), but another test set "
        f"might not ({p_value_text(difference.corrected_row_p)})."
    )


def as_trained_sentences(task: Task, baseline: str) -> list[str]:
    """Names the single runs of lines that are ahead of the baseline, or behind it."""
    texts = []
    for verdict in (Verdict.AHEAD, Verdict.BEHIND):
        if differences := differences_with_verdict(task, verdict):
            names = names_with_sizes(differences, task)
            models = "these models are" if len(differences) > 1 else "this model is"
            texts.append(
                f"As trained, {models} {RELATIONS[verdict]} {baseline}, and would be "
                f"on another test set: {names}."
            )
    return texts


def not_real_sentences(task: Task, baseline: str) -> list[str]:
    """Names the configurations that retraining might rank the other way round."""
    not_real = differences_with_verdict(task, Verdict.NOT_REAL)
    if not not_real:
        return []
    names = names_with_sizes(not_real, task)
    return [f"No real difference to {baseline} was found for {names}."]


def too_few_rows_sentences(task: Task, baseline: str) -> list[str]:
    """Names the single runs of lines whose test rows are too few for a test."""
    differences = differences_with_verdict(task, Verdict.TOO_FEW_ROWS)
    if not differences:
        return []
    names = comma_list(d.configuration.name for d in differences)
    return [f"The test rows are too few to tell whether {names} and {baseline} differ."]


def not_tested_sentences(task: Task, baseline: str) -> list[str]:
    """Names the single runs of lines whose test rows were not compared."""
    differences = differences_with_verdict(task, Verdict.NOT_TESTED)
    if not differences:
        return []
    names = comma_list(
        f"{d.configuration.name} ({signed_difference(d, task)})" for d in differences
    )
    return [
        f"Whether another test set would rank these models and {baseline} in the same "
        f"order is not known, because their test rows were not compared: {names}."
    ]


def too_few_seeds_sentences(task: Task, baseline: str) -> list[str]:
    """Names the configurations that have no test over seeds."""
    differences = differences_with_verdict(task, Verdict.TOO_FEW_SEEDS)
    ensembles = [d for d in differences if d.configuration.is_ensemble]
    others = [d for d in differences if not d.configuration.is_ensemble]
    texts = []
    if others:
        texts.append(
            "There are too few seeds to tell whether retraining would rank these "
            f"configurations and {baseline} in the same order: "
            f"{names_with_row_tests(others, task)}. Run them with seed=1,2,3."
        )
    if ensembles:
        texts.append(
            "An ensemble is one model, so only the test rows can tell whether it "
            f"differs from {baseline}: "
            f"{names_with_row_tests(ensembles, task)}."
        )
    return texts


def names_with_sizes(differences: list[Difference], task: Task) -> str:
    """Lists configurations, each with its mean difference and the p-value."""
    return comma_list(
        f"{d.configuration.name} {size_and_p_value(d, task)}" for d in differences
    )


def names_with_row_tests(differences: list[Difference], task: Task) -> str:
    """Lists configurations, with the result of the row test if there is one."""
    names = []
    for difference in differences:
        name = difference.configuration.name
        if difference.row_test is not None:
            p_value = p_value_text(difference.corrected_row_p)
            size = signed_difference(difference, task)
            name += f" ({size}; on another test set {p_value})"
        names.append(name)
    return comma_list(names)


def twin_sentences(task: Task) -> list[str]:
    """Describes the real differences to twins.

    These differences show what models gain or lose by learning all tasks, or all
    scenarios, at once.
    """
    to_single_task = [
        single_task_sentence(d, task)
        for score in task.scores
        if (d := score.differences.get("single_task")) and d.is_real
    ]
    to_single_scenario = [
        f"Scenario {on_scenario.scenario}: {d.configuration.name} "
        f"{TWIN_VERBS[d.verdict]} its single-scenario twin "
        f"{size_and_p_value(d, on_scenario)}."
        for on_scenario in task.scenarios
        for score in on_scenario.scores
        if (d := score.differences.get("single_scenario")) and d.is_real
    ]
    return to_single_task[:MAX_SENTENCES] + to_single_scenario[:MAX_SENTENCES]


def single_task_sentence(difference: Difference, task: Task) -> str:
    """Describes the real difference to a single-task twin.

    A single-task model of another size, for instance, is no exact twin: the difference
    then does not show whether sharing helps.
    """
    name, twin = difference.configuration.name, "its single-task twin"
    if unmet_twin_settings(difference.configuration, difference.other):
        twin = f"{difference.other.name}, which differs in more than sharing"
    elif difference.verdict == Verdict.WORSE:
        name = f"Negative transfer: {name}"
    verb = TWIN_VERBS[difference.verdict]
    return f"{name} {verb} {twin} {size_and_p_value(difference, task)}."


def signed_difference(difference: Difference, task: Task) -> str:
    """Returns the mean difference with its sign: `-0.0120`, `-0.0120 over 3 days`."""
    return f"{difference.mean:+.{task.decimals}f}{over_days(difference)}"


def over_days(difference: Difference) -> str:
    """Returns ` over 3 days` for two lines, and "" for other configurations."""
    if not difference.day_count:
        return ""
    return f" over {counted(difference.day_count, 'day')}"


def size_and_p_value(difference: Difference, task: Task) -> str:
    """Returns the mean difference and its p-value, such as `(-0.0120, p = 0.004)`."""
    p_value = p_value_text(difference.deciding_p)
    return f"({signed_difference(difference, task)}, {p_value})"


def best_sentences(task: Task, split: str) -> list[str]:
    """Names the best configuration, and the rows on which it was chosen."""
    if task.best is None:
        return []
    name = task.best.configuration.name
    score = f"{split} {task.metric} {interval_text(task.best.interval, task.decimals)}"
    if task.best_chosen_on == split:
        return [
            f"{name} is best on the {split} rows themselves, with {score}. This score "
            "is too good on average, because the choice was made by it."
        ]
    return [f"{name} is best on the validation rows, with {score}."]
