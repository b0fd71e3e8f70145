"""Chooses the best score of each task, on validation rows if that is possible."""

from statistics import fmean

from mtl_cli.comparison.same_rows import have_same_validation_rows
from mtl_cli.comparison.task import Task


def choose_best(task: Task, split: str) -> None:
    """Sets the best score of a task, and the split on which the best was chosen.

    The configuration with the best mean over seeds has the best score. If all
    candidates have scores on the same validation rows, their means on validation rows
    decide, and otherwise their means on `split`. A configuration that was scored on
    other rows of `split` than the baseline is not a candidate.

    Nothing is set if there are fewer than two candidates, or if the metric has no
    direction.
    """
    candidates = [
        score
        for score in task.scores
        if score.interval is not None and not score.is_on_other_rows
    ]
    if task.direction == 0 or len(candidates) < 2:
        return
    configurations = [score.configuration for score in candidates]
    values_by_replicate = [
        c.scores_by_replicate("valid", task.name, task.metric, task.scenario)
        for c in configurations
    ]
    have_valid_scores = all(values_by_replicate)
    # If the split is `valid`, all candidates are known to have the baseline's rows.
    if have_valid_scores and split != "valid":
        task.has_same_validation_rows = have_same_validation_rows(
            configurations, task.name
        )
    if have_valid_scores and task.has_same_validation_rows:
        task.best_chosen_on = "valid"
    else:
        values_by_replicate = [score.by_replicate for score in candidates]
        task.best_chosen_on = split
    means = [fmean(values.values()) for values in values_by_replicate]
    best_mean = max(means, key=lambda mean: task.direction * mean)
    task.best = candidates[means.index(best_mean)]
