"""Warnings of a comparison: reasons to trust the comparison less."""

from collections.abc import Callable

from mtl_cli.comparison.configurations import Configuration, short_form
from mtl_cli.comparison.difference import MIN_SEEDS
from mtl_cli.comparison.results import DatasetComparison
from mtl_cli.comparison.runs import Run
from mtl_cli.comparison.same_rows import split_settings
from mtl_cli.comparison.task import Task
from mtl_cli.comparison.twins import unmet_twin_settings
from mtl_cli.core.message_text import comma_list, line_if_any


def warnings(comparison: DatasetComparison, runs: list[Run]) -> list[str]:
    """Returns all warnings about a comparison with verdicts.

    `runs` are all runs of the data set, compared or left out.
    """
    scored = comparison.configurations
    return [
        *line_if_any(
            "these runs are left out",
            [f"{run.path} ({run.error})" for run in runs if not run.is_readable],
        ),
        *line_if_any(
            "these files have changed since their run ended, or belong to another run",
            [str(run.path / file) for run in runs for file in run.replaced_files],
        ),
        *unscored_run_warnings([*scored, *comparison.unscored]),
        *seed_warnings(scored),
        *repeated_run_warnings(scored),
        *data_and_code_warnings(comparison.baseline, scored),
        *changed_file_warnings(scored),
        *twin_warnings(comparison.tasks[0]),
        *task_warnings(comparison),
    ]


def repeated_run_warnings(scored: list[Configuration]) -> list[str]:
    """Names the runs that are left out, because a later run repeats them."""
    repeated = [
        str(run.path)
        for configuration in scored
        for run in configuration.all_runs
        if run.has_scores and run is not configuration.runs[run.replicate]
    ]
    return line_if_any(
        "these runs are left out, because a later run has the same configuration and "
        "seed",
        repeated,
    )


def task_warnings(comparison: DatasetComparison) -> list[str]:
    """Names the scores that cannot be compared."""
    tasks = comparison.tasks
    texts = line_if_any(
        "the task kinds of these metrics are not loaded, so whether a higher value is "
        "better is unknown, and test rows are not compared (add --plugins FOLDER)",
        [f"{task.name}.{task.metric}" for task in tasks if not task.is_metric_known],
    )
    for task in tasks:
        texts += undefined_metric_warnings(task, comparison.split)
        texts += line_if_any(
            f"{task.name}: these configurations were scored on other rows or weights "
            "than the baseline, or rank classes or group rows otherwise, so no "
            "difference is given",
            [s.configuration.name for s in task.scores if s.is_on_other_rows],
        )
    return texts + line_if_any(
        "the runs have different validation rows, so the best configuration is chosen "
        f"on the {comparison.split} rows themselves",
        [task.name for task in tasks if not task.has_same_validation_rows],
    )


def unscored_run_warnings(configurations: list[Configuration]) -> list[str]:
    """Names the seeds of each configuration that have no scores, and says why."""
    reasons = {
        "running": "still running",
        "done": "done, but without metrics",
        "killed": "killed; the same command resumes it",
    }
    return line_if_any(
        "these runs have no scores",
        [
            f"{configuration.name} seed {run.seed} "
            f"({reasons.get(run.status, run.status)})"
            for configuration in configurations
            for run in configuration.unscored_runs
        ],
    )


def seed_warnings(scored: list[Configuration]) -> list[str]:
    """Warns if configurations have few seeds, or different seeds."""
    texts = []
    scored = [c for c in scored if not c.is_ensemble]  # an ensemble has no seeds
    # A run of a line (a chain of daily runs) is not retrained with other seeds.
    retrained = [c for c in scored if not (c.is_in_line and len(c.runs) == 1)]
    with_few_seeds = [c for c in retrained if len(c.runs) < MIN_SEEDS]
    if with_few_seeds:
        names = comma_list(f"{c.name} ({len(c.runs)})" for c in with_few_seeds)
        texts.append(
            f"these configurations have fewer than {MIN_SEEDS} seeds, too few to "
            f"estimate by themselves how much retraining changes their scores: {names}"
        )
    if len({frozenset(c.runs) for c in scored}) > 1:
        counts = [len(c.runs) for c in scored]
        texts.append(
            f"the configurations have different seeds ({min(counts)} to {max(counts)} "
            "each); a difference uses the seeds that its two configurations share, or "
            "all seeds if they share fewer than two"
        )
    return texts


def twin_warnings(task: Task) -> list[str]:
    """Names the configurations whose single-task twin is no exact twin.

    A configuration has the same twin on all tasks, so `task` may be any task.
    """
    names = []
    for score in task.scores:
        to_twin = score.differences.get("single_task")
        if to_twin is None:
            continue
        twin = to_twin.other
        other_settings = [
            f"{short_form(key)}={twin.settings.get(key, 'unknown')}, not {expected}"
            for key, expected in unmet_twin_settings(score.configuration, twin).items()
        ]
        if other_settings:
            names.append(f"{score.configuration.name} ({comma_list(other_settings)})")
    return line_if_any(
        "the single-task model that these configurations are compared with differs in "
        "more than its sharing; compare.single_task=true trains exact twins",
        names,
    )


def data_and_code_warnings(
    baseline: Configuration, scored: list[Configuration]
) -> list[str]:
    """Names the configurations with other data, code or split than the baseline.

    Each run is compared with the first run of the baseline.
    """
    # {part of a warning: function that returns the value to compare}
    value_functions: dict[str, Callable[[Run], object]] = {
        "read other data than": lambda run: run.environment.get("data_hash"),
        "used another commit than": lambda run: run.environment.get("git_commit"),
        "used other package versions than": lambda run: run.environment.get("versions"),
        "used another split than": split_settings,
        "used other row weights than": lambda run: run.settings.get(
            "dataset.weight_column", "null"
        ),
    }
    first_seed, *_ = baseline.runs
    first_run = baseline.runs[first_seed]
    texts = []
    for text, value_of in value_functions.items():
        expected = value_of(first_run)
        texts += line_if_any(
            f"these configurations {text} {baseline.name} seed {first_seed}",
            [
                c.name
                for c in scored
                if any(value_of(r) != expected for r in c.runs.values())
            ],
        )
    return texts


def changed_file_warnings(scored: list[Configuration]) -> list[str]:
    """Names the options of plugins, and the files of vectors, that runs had otherwise.

    Runs of earlier versions may have recorded no hashes. Such runs are not compared.
    """
    # {key of `environment.json` that holds {name: hash}: what the names stand for}
    texts = {
        "plugins": "the code of the plugins of these options",
        "pretrained": "the content of these files of pretrained vectors",
    }
    runs = [run for configuration in scored for run in configuration.runs.values()]
    warnings = []
    for key, text in texts.items():
        hashes_by_name: dict[str, set[str]] = {}
        for run in runs:
            for name, file_hash in run.environment.get(key, {}).items():
                hashes_by_name.setdefault(name, set()).add(file_hash)
        warnings += line_if_any(
            f"{text} differs between the runs",
            [name for name, hashes in hashes_by_name.items() if len(hashes) > 1],
        )
    return warnings


def undefined_metric_warnings(task: Task, split: str) -> list[str]:
    """Names the seeds whose metric is undefined, if other seeds have a value."""
    seeds = []
    for score in task.scores:
        for seed, run in score.configuration.runs.items():
            if score.by_replicate and seed not in score.by_replicate:
                reasons = run.score(split, task.name).get("why", {})
                reason = reasons.get(task.metric, "missing")
                seeds.append(f"{score.configuration.name} seed {seed} ({reason})")
    text = f"{task.name}: these seeds have no {task.metric} and are left out"
    return line_if_any(text, seeds)
