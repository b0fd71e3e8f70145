"""What makes a comparison less than it seems."""

from collections.abc import Callable

from mtl_cli.compare.comparison import Comparison
from mtl_cli.compare.configurations import Configuration
from mtl_cli.compare.numbers import joined
from mtl_cli.compare.pairwise import OTHER
from mtl_cli.compare.runs import Run
from mtl_cli.compare.same_rows import splitting

FEWEST = 3


def warnings(result: Comparison, runs: list[Run]) -> list[str]:
    """Returns a line for each thing to know before trusting the table."""
    scored = result.configurations
    return [
        *damaged(runs),
        *unfinished([*result.configurations, *result.without]),
        *seeds(scored),
        *twice(runs, scored),
        *differences(result.baseline, scored),
        *undefined(result),
        *other_rows(result),
        *result.notes,
    ]


def damaged(runs: list[Run]) -> list[str]:
    """Names runs that cannot be read."""
    named = [f"{run.path} {run.error}" for run in runs if run.status == "damaged"]
    return [f"left out: {joined(named)}"] if named else []


def unfinished(found: list[Configuration]) -> list[str]:
    """Names the seeds of each configuration that failed or have not ended."""
    lines = []
    for one in found:
        by_status: dict[str, list[str]] = {}
        for run in one.lost:
            words = {"running": "is still running", "done": "has no metrics"}
            words["killed"] = "was killed; the same command goes on with it"
            status = words.get(run.status, run.status)
            by_status.setdefault(status, []).append(f"seed {run.seed}")
        lines += [
            f"{one.name}: {joined(names)} {status}"
            for status, names in by_status.items()
        ]
    return several(lines)


def seeds(scored: list[Configuration]) -> list[str]:
    """Tells of few and of unequal seeds."""
    lines = []
    few = [one for one in scored if len(one.runs) < FEWEST]
    if few:
        names = joined(f"{one.name} ({len(one.runs)})" for one in few)
        lines.append(f"fewer than {FEWEST} seeds say little about retraining: {names}")
    if len({tuple(sorted(one.runs)) for one in scored}) > 1:
        counts = sorted(len(one.runs) for one in scored)
        lines.append(
            f"configurations differ in their seeds ({counts[0]} to {counts[-1]} of "
            "them): differences are over the seeds of both"
        )
    return lines


def twice(runs: list[Run], scored: list[Configuration]) -> list[str]:
    """Names configurations one seed of which ran twice; the later run counts."""
    counted = {run for one in scored for run in one.runs.values()}
    twins = {(run.key, run.seed) for run in counted}
    again = [
        run
        for run in runs
        if run.scored and run not in counted and (run.key, run.seed) in twins
    ]
    if not again:
        return []
    return [f"ran twice, the later counts, not {joined(str(r.path) for r in again)}"]


def differences(base: Configuration, scored: list[Configuration]) -> list[str]:
    """Names configurations whose data or code is not the baseline's, or not one."""

    def versions(run: Run) -> object:
        found = run.environment.get("versions")
        return sorted(found.items()) if isinstance(found, dict) else None

    questions: dict[str, Callable[[Run], object]] = {
        "other data than": lambda run: run.environment.get("data_hash"),
        "another commit than": lambda run: run.environment.get("git_commit"),
        "other package versions than": versions,
        "another split than": splitting,
    }
    lines = []
    for words, question in questions.items():
        first = question(next(iter(base.runs.values())))
        other = [
            one.name
            for one in scored
            if any(question(run) != first for run in one.runs.values())
        ]
        if other:
            lines.append(f"{words} the baseline's first seed: {joined(other)}")
    return lines


def undefined(result: Comparison) -> list[str]:
    """Names seeds whose metric is undefined where that of others is not."""
    lines = []
    for task in result.tasks:
        seeds = []
        for cell in task.cells:
            for seed, run in cell.configuration.runs.items():
                if cell.values and seed not in cell.values:
                    found = run.metrics.get(result.split, {}).get(task.name, {})
                    why = found.get("why", {}).get(task.metric, "not there")
                    seeds.append(f"{cell.configuration.name} seed {seed} ({why})")
        if seeds:
            lines.append(
                f"{task.name}: left out, without {task.metric}: {joined(seeds)}"
            )
    return lines


def other_rows(result: Comparison) -> list[str]:
    """Names configurations that were not scored on the baseline's rows."""
    lines = []
    for task in result.tasks:
        names = [
            cell.configuration.name
            for cell in task.cells
            if cell.mean and cell.against and cell.against.verdict == OTHER
        ]
        if names:
            lines.append(
                f"{task.name}: scored on other rows than the baseline, so no "
                f"difference is given: {joined(names)}"
            )
    return lines


def several(lines: list[str], most: int = 12) -> list[str]:
    """Cuts a long list of lines, and says so."""
    more = len(lines) - most
    return lines[:most] + ([f"and {more} more like these"] if more > 0 else [])
