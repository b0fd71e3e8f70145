"""Reasons to trust a comparison less, in one line each."""

from collections.abc import Callable

from mtl_cli.comparison.configurations import Configuration
from mtl_cli.comparison.difference import Verdict
from mtl_cli.comparison.formats import comma_list
from mtl_cli.comparison.results import DatasetComparison, Task
from mtl_cli.comparison.runs import Run
from mtl_cli.comparison.same_rows import split_settings

MIN_SEEDS = 3
MAX_LINES = 12  # about runs without scores


def warnings(
    comparison: DatasetComparison, runs: list[Run], unscored: list[Configuration]
) -> list[str]:
    """Returns all warnings about a comparison.

    Args:
        comparison: the comparison.
        runs: the runs that were compared or left out.
        unscored: the configurations that were left out because they have no scores.
    """
    scored = comparison.configurations
    return [
        *damaged_runs(runs),
        *runs_without_scores([*scored, *unscored]),
        *few_or_unequal_seeds(scored),
        *repeated_runs(scored),
        *different_data_or_code(comparison.baseline, scored),
        *(line for t in comparison.tasks for line in undefined(t, comparison.split)),
        *(line for task in comparison.tasks for line in different_rows(task)),
    ]


def damaged_runs(runs: list[Run]) -> list[str]:
    """Names runs that cannot be read."""
    names = [f"{run.path} {run.error}" for run in runs if run.status == "damaged"]
    return [f"left out: {comma_list(names)}"] if names else []


def runs_without_scores(configurations: list[Configuration]) -> list[str]:
    """Names the seeds of each configuration that failed or have not ended."""
    texts = {
        "running": "is still running",
        "done": "has no metrics",
        "killed": "was killed; the same command goes on with it",
    }
    lines = []
    for configuration in configurations:
        seeds_by_text: dict[str, list[str]] = {}
        for run in configuration.unscored_runs:
            text = texts.get(run.status, run.status)
            seeds_by_text.setdefault(text, []).append(f"seed {run.seed}")
        lines += [
            f"{configuration.name}: {comma_list(seeds)} {text}"
            for text, seeds in seeds_by_text.items()
        ]
    more = len(lines) - MAX_LINES
    return lines[:MAX_LINES] + ([f"and {more} more like these"] if more > 0 else [])


def few_or_unequal_seeds(scored: list[Configuration]) -> list[str]:
    """Warns if configurations have few seeds, or different seeds."""
    lines = []
    if few := [f"{c.name} ({len(c.runs)})" for c in scored if len(c.runs) < MIN_SEEDS]:
        lines.append(
            f"fewer than {MIN_SEEDS} seeds say little about retraining: "
            f"{comma_list(few)}"
        )
    if len({frozenset(c.runs) for c in scored}) > 1:
        counts = [len(c.runs) for c in scored]
        lines.append(
            f"configurations differ in their seeds ({min(counts)} to {max(counts)} of "
            "them): differences are over the seeds of both"
        )
    return lines


def repeated_runs(scored: list[Configuration]) -> list[str]:
    """Names runs that do not count, because a later run has the same seed."""
    paths = [
        str(run.path)
        for configuration in scored
        for run in configuration.all_runs
        if run.scored and run is not configuration.runs[run.seed]
    ]
    return [f"ran twice, the later counts, not {comma_list(paths)}"] if paths else []


def different_data_or_code(
    baseline: Configuration, scored: list[Configuration]
) -> list[str]:
    """Names configurations whose data, code or split is not the baseline's."""

    def versions(run: Run) -> object:
        packages = run.environment.get("versions")
        return sorted(packages.items()) if isinstance(packages, dict) else None

    properties: dict[str, Callable[[Run], object]] = {
        "other data than": lambda run: run.environment.get("data_hash"),
        "another commit than": lambda run: run.environment.get("git_commit"),
        "other package versions than": versions,
        "another split than": split_settings,
    }
    lines = []
    for text, property_of in properties.items():
        expected = property_of(next(iter(baseline.runs.values())))
        names = [
            c.name
            for c in scored
            if any(property_of(run) != expected for run in c.runs.values())
        ]
        if names:
            lines.append(f"{text} the baseline's first seed: {comma_list(names)}")
    return lines


def undefined(task: Task, split: str) -> list[str]:
    """Names the seeds whose metric is undefined, if other seeds have the metric."""
    seeds = []
    for score in task.scores:
        for seed, run in score.configuration.runs.items():
            if score.by_seed and seed not in score.by_seed:
                reasons = run.score(split, task.name).get("why", {})
                reason = reasons.get(task.metric, "not there")
                seeds.append(f"{score.configuration.name} seed {seed} ({reason})")
    if not seeds:
        return []
    return [f"{task.name}: left out, without {task.metric}: {comma_list(seeds)}"]


def different_rows(task: Task) -> list[str]:
    """Names configurations that were not scored on the baseline's rows."""
    names = [
        score.configuration.name
        for score in task.scores
        if score.to_baseline and score.to_baseline.verdict == Verdict.NOT_COMPARABLE
    ]
    if not names:
        return []
    return [
        f"{task.name}: scored on other rows than the baseline, so no difference is "
        f"given: {comma_list(names)}"
    ]
