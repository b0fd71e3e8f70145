"""Writes sentences that say which differences are real and which are not.

A line is a chain of runs, one per day, see `comparison.lines`.
"""

from mtl_cli.comparison.difference import Difference, Verdict
from mtl_cli.comparison.intervals import interval_text, mean_text
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
ENSEMBLE = "ensemble"  # stands for the verdict `TOO_FEW_SEEDS` on an ensemble
# {verdict: the sentence about all configurations with this verdict}.
SENTENCES: dict[str, str] = {
    Verdict.AHEAD: (
        "These are ahead of {baseline} as trained, and would be on another test set: "
        "{names}."
    ),
    Verdict.BEHIND: (
        "These are behind {baseline} as trained, and would be on another test set: "
        "{names}."
    ),
    Verdict.NOT_REAL: "No real difference to {baseline} was found for {names}.",
    Verdict.TOO_FEW_ROWS: (
        "The test rows are too few to tell whether {names} and {baseline} differ."
    ),
    Verdict.NOT_TESTED: (
        "Whether these models and {baseline} differ is not known, because their test "
        "rows were not compared: {names}."
    ),
    Verdict.TOO_FEW_SEEDS: (
        "There are too few seeds to tell whether retraining would rank these "
        "configurations and {baseline} in the same order: {names}. Run them with "
        "seed=1,2,3."
    ),
    ENSEMBLE: (
        "An ensemble is one model, so only the test rows can tell whether it differs "
        "from {baseline}: {names}."
    ),
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
    differences = differences_to_baseline(task)
    # The best configuration comes first, or the highest score without a direction.
    real = [d for d in differences if d.is_real]
    real.sort(key=lambda d: d.mean, reverse=task.direction != -1)
    texts = [same_order_sentence(d, task) for d in real[:MAX_SENTENCES]]
    if others := real[MAX_SENTENCES:]:
        verdicts = [f"{d.configuration.name} is {d.verdict}{d.limits}" for d in others]
        texts.append(f"{comma_list(verdicts)}.")
    rows_only = [d for d in differences if d.verdict == Verdict.THESE_ROWS_ONLY]
    texts += [rows_only_sentence(d, task) for d in rows_only[:MAX_SENTENCES]]
    for verdict, sentence in SENTENCES.items():
        with_verdict = [d for d in differences if sentence_key(d) == verdict]
        if with_verdict:
            names = comma_list(name_with_size(d, task) for d in with_verdict)
            texts.append(sentence.format(baseline=baseline, names=names))
    return [*texts, *twin_sentences(task), *best_sentences(task, split)]


def sentence_key(difference: Difference) -> str:
    is_ensemble = difference.configuration.is_ensemble
    has_few_seeds = difference.verdict == Verdict.TOO_FEW_SEEDS
    return ENSEMBLE if is_ensemble and has_few_seeds else difference.verdict


def line_sentences(task: Task, baseline: str) -> list[str]:
    """Returns one sentence for each line that has a day in common with the baseline."""
    texts = []
    for difference in differences_to_baseline(task):
        if not difference.day_count:
            continue
        name = name_with_size(difference, task)
        if difference.verdict in RELATIONS:
            texts.append(same_order_sentence(difference, task))
        elif difference.verdict == Verdict.THESE_ROWS_ONLY:
            texts.append(rows_only_sentence(difference, task))
        elif difference.verdict == Verdict.NOT_REAL:
            texts.append(f"No real difference to {baseline} was found for {name}.")
        else:
            texts.append(f"{baseline} has too few days in common with {name}.")
    return texts


def differences_to_baseline(task: Task) -> list[Difference]:
    differences = [score.differences.get("baseline") for score in task.scores]
    return [d for d in differences if d is not None]


def same_order_sentence(difference: Difference, task: Task) -> str:
    """Says that retraining, or other days of two lines, would give the same order."""
    cause = "other days" if difference.day_count else "retraining"
    would = "may" if difference.has_few_seeds else "would"
    p_value = p_value_text(difference.corrected_replicate_p)
    # The verdict says the direction, so the size needs no sign.
    size = interval_text(difference.interval, task.decimals).removeprefix("-")
    other_test_set = ""
    if difference.row_test is not None:
        row_p_value = p_value_text(difference.corrected_row_p)
        other_test_set = f", and so {would} another test set ({row_p_value})"
    elif not difference.day_count:
        other_test_set = "; whether another test set would give it too is not known"
    return (
        f"{difference.configuration.name} is {RELATIONS[difference.verdict]} "
        f"{difference.other.name} by {size}{over_days(difference)}{difference.limits}: "
        f"{cause} {would} give the same order ({p_value}){other_test_set}."
    )


def rows_only_sentence(difference: Difference, task: Task) -> str:
    """Says that retraining, but maybe not another test set, would show a difference."""
    cause = "other days" if difference.day_count else "retraining"
    would = "may" if difference.has_few_seeds else "would"
    return (
        f"{difference.configuration.name} shows no real difference to "
        f"{difference.other.name} ({signed_difference(difference, task)}): {cause} "
        f"{would} give the same order on these test rows "
        f"({p_value_text(difference.corrected_replicate_p)}), but another test set "
        f"might not ({p_value_text(difference.corrected_row_p)})."
    )


def name_with_size(difference: Difference, task: Task) -> str:
    """Returns the name of the configuration, with its difference and p-value if known.

    For example `ple (-0.0120, p = 0.004)`, or, if only the test rows were tested, `ple
    (-0.0120; on another test set p = 0.004)`.
    """
    name = difference.configuration.name
    size = signed_difference(difference, task)
    if difference.deciding_test is not None:
        return f"{name} ({size}, {p_value_text(difference.deciding_p)})"
    if difference.row_test is not None:
        p_value = p_value_text(difference.corrected_row_p)
        return f"{name} ({size}; on another test set {p_value})"
    return f"{name} ({size})" if difference.day_count else name


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
        f"Scenario {on_scenario.scenario}: "
        f"{twin_sentence(d, on_scenario, 'its single-scenario twin')}"
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
    if unmet_twin_settings(difference.configuration, difference.other):
        twin = f"{difference.other.name}, which differs in more than sharing"
        return twin_sentence(difference, task, twin)
    sentence = twin_sentence(difference, task, "its single-task twin")
    is_worse = difference.verdict == Verdict.WORSE
    return f"Negative transfer: {sentence}" if is_worse else sentence


def twin_sentence(difference: Difference, task: Task, twin: str) -> str:
    verb = TWIN_VERBS[difference.verdict]
    size = f"{signed_difference(difference, task)}{difference.limits}"
    p_value = p_value_text(difference.deciding_p)
    return f"{difference.configuration.name} {verb} {twin} ({size}, {p_value})."


def signed_difference(difference: Difference, task: Task) -> str:
    """Returns the mean difference with its sign: `-0.0120`, `-0.0120 over 3 days`."""
    return mean_text(difference.mean, task.decimals) + over_days(difference)


def over_days(difference: Difference) -> str:
    """Returns ` over 3 days` for two lines, and "" for other configurations."""
    if not difference.day_count:
        return ""
    return f" over {counted(difference.day_count, 'day')}"


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
