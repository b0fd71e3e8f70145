"""Finds and reads the runs below the folders that a user names."""

import os
from collections.abc import Callable
from pathlib import Path

from mtl_cli.comparison.missing_settings import complete_settings
from mtl_cli.comparison.runs import Run, read_run
from mtl_cli.core.errors import ConfigError, DataError, visible
from mtl_cli.runs.job_records import jobs_without_run_folder

EVALUATIONS = "evaluations.json"  # the file that marks a folder of `mtl-evaluate`


def read_runs(
    paths: list[str], warn: Callable[[str], object] = lambda line: None
) -> list[Run]:
    """Reads all runs at or below the paths, in the order in which they started.

    Jobs of a sweep that failed before they had a run folder come first, as runs without
    scores. Runs with `check_only=true` are left out, since they have no scores.

    Args:
        paths: run folders, folders of sweeps, or folders that hold such folders.
        warn: is called with a warning if links to other folders are left out.

    Raises:
        ConfigError: if a path is not a folder, if there is no run at or below a path,
            or if all runs have `check_only=true`.
    """
    folders: dict[Path, None] = {}
    links: list[Path] = []
    failed_jobs: list[Run] = []
    for path in paths:
        if not path or not Path(path).is_dir():
            raise ConfigError(
                f"{path or repr(path)} is not a folder; give the folders of runs or "
                "sweeps, or outputs/"
            )
        links_below: list[Path] = []
        folders_below = find_run_folders(Path(path), links_below)
        links += links_below
        if not folders_below:
            raise ConfigError(
                f"{path} holds no run, and no folder below it does; a run folder has a "
                "status.json or metrics.json"
                f"{f'; {links_below[0]} is a link, name it' if links_below else ''}"
            )
        folders |= dict.fromkeys(folders_below)
        # A path that is itself a run asks for this run alone. The failed jobs of the
        # sweep to which the run belongs are not read.
        sweeps = dict.fromkeys(run.parent for run in folders_below if run != Path(path))
        failed_jobs += [job for sweep in sweeps for job in jobs_that_never_began(sweep)]
    roots = [Path(path).resolve() for path in paths]
    left_out = [link for link in links if not is_below(link, roots)]
    if left_out:
        warn(
            f"{left_out[0]} is a link to another folder"
            f"{f', like {len(left_out) - 1} more' if left_out[1:] else ''}; its runs "
            "are left out: name the folder on the command line to compare them"
        )
    runs = [read_run(folder) for folder in folders]
    complete_settings([run.settings for run in runs if run.status != "damaged"])
    runs += failed_jobs
    runs = [run for run in runs if run.settings.get("check_only") != "true"]
    if not runs:
        raise ConfigError(
            f"all runs of {', '.join(paths)} have check_only=true: they have no scores"
        )
    return sorted(runs, key=lambda run: (run.start, natural_order(run.path)))


def find_run_folders(folder: Path, links: list[Path] | None = None) -> list[Path]:
    """Finds the run folders at or below a folder.

    `mtl-evaluate` copies the runs of a sweep, with their scores on another table, into
    a folder of its own. Such a folder below `folder` is left out: the copies would be
    compared with the original runs.

    Args:
        folder: the folder.
        links: a list to which links to folders are added. The links are not followed.

    Returns: the run folders.
    """
    run_folders = []
    for path, subfolders, files in os.walk(folder):
        if "status.json" in files or "metrics.json" in files:
            run_folders.append(Path(path))
            subfolders.clear()  # `os.walk` then does not visit them
        elif EVALUATIONS in files and Path(path) != folder:
            subfolders.clear()
        subfolders.sort()
        if links is not None:
            links += [p for name in subfolders if (p := Path(path, name)).is_symlink()]
    return run_folders


def is_below(link: Path, roots: list[Path]) -> bool:
    """Whether a link leads to one of the roots or to a folder below a root."""
    target = link.resolve()
    return any(target.is_relative_to(root) for root in roots)


def jobs_that_never_began(sweep: Path) -> list[Run]:
    """Returns the jobs of a sweep that failed before they had a run folder, as runs."""
    try:
        jobs = jobs_without_run_folder(sweep)
    except DataError:
        return []  # a damaged record hides only these jobs; other runs are compared
    return [
        Run(sweep / job.name, error=f"never began: {visible(job.error)}")
        for job in jobs
    ]


def natural_order(path: Path) -> list[tuple[int, str]]:
    """Returns a sorting key that puts folder 10 after folder 9."""
    return [(int(part) if part.isdecimal() else -1, part) for part in path.parts]
