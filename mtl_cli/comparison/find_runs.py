"""Finds and reads the runs below the folders that a user names."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from mtl_cli.comparison.lines import mark_lines
from mtl_cli.comparison.read_run import read_run
from mtl_cli.comparison.runs import NEVER_BEGAN, Run
from mtl_cli.comparison.setting_defaults import complete_settings
from mtl_cli.core.errors import ConfigError, DataError
from mtl_cli.core.message_text import comma_list, visible
from mtl_cli.core.other_files import walk
from mtl_cli.runs.job_records import RECORDS, jobs_that_never_began

EVALUATIONS = "evaluations.json"  # the file that marks a folder of `mtl-evaluate`


@dataclass
class FoundFolders:
    """The result of `find_folders`: the folders at and below a folder.

    Attributes:
        runs: the run folders, including the run folders of the jobs of sweeps.
        sweeps: the folders of sweeps.
        links: the links to folders. The search does not follow them.
        unreadable: the folders that cannot be read, each with the reason.
    """

    runs: list[Path] = field(default_factory=list)
    sweeps: list[Path] = field(default_factory=list)
    links: list[Path] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)


def read_runs(
    paths: list[str], warn: Callable[[str], object] = lambda text: None
) -> list[Run]:
    """Reads all runs at or below the paths, in the order in which they started.

    Jobs of a sweep that never began come first, as runs without scores. Runs with
    `check_only=true` are left out, since they have no scores.

    Args:
        paths: run folders, folders of sweeps, or folders that hold such folders.
        warn: receives a warning if folders are left out, because they are links or
            cannot be read.

    Raises:
        ConfigError: if a path is not a folder, if there is no run at or below a path,
            or if all runs have `check_only=true`.
    """
    runs_by_folder: dict[Path, Run] = {}  # each run once, even if the paths overlap
    folders_by_path: list[FoundFolders] = []
    for path in paths:
        runs, folders = read_runs_below(path)
        for run in runs:
            runs_by_folder.setdefault(run.path.resolve(), run)
        folders_by_path.append(folders)
    warn_of_left_out(paths, folders_by_path, warn)
    runs = list(runs_by_folder.values())
    complete_settings([run.settings for run in runs if run.is_readable])
    runs = [run for run in runs if run.settings.get("check_only") != "true"]
    if not runs:
        raise ConfigError(
            f"all runs of {', '.join(paths)} have check_only=true, so there are no "
            "scores to compare; run them without check_only"
        )
    mark_lines(runs)
    return sorted(runs, key=lambda run: (run.start, natural_order(run.path)))


def warn_of_left_out(
    paths: list[str], folders_by_path: list[FoundFolders], warn: Callable[[str], object]
) -> None:
    """Warns of folders that cannot be read, and of links to folders elsewhere."""
    # The keys of a dictionary name each folder once, even if the paths overlap.
    unreadable = dict.fromkeys(
        text for folders in folders_by_path for text in folders.unreadable
    )
    if unreadable:
        warn(f"these folders cannot be read and are left out: {comma_list(unreadable)}")
    roots = [Path(path).resolve() for path in paths]
    links = dict.fromkeys(
        str(link)
        for folders in folders_by_path
        for link in folders.links
        if not any(link.resolve().is_relative_to(root) for root in roots)
    )
    if links:
        warn(
            f"links to other folders are not followed: {comma_list(links)}; name a "
            "link on the command line to compare its runs"
        )


def read_runs_below(path: str) -> tuple[list[Run], FoundFolders]:
    """Returns the runs at or below a path, and the folders that were found there.

    Raises:
        ConfigError: if the path is not a folder, or if there is no run.
    """
    if not path or not Path(path).is_dir():
        raise ConfigError(
            f"{path!r} is not a folder; give the folders of runs or sweeps, or outputs/"
        )
    folders = find_folders(Path(path))
    runs = [read_run(run_folder) for run_folder in folders.runs]
    for sweep in folders.sweeps:
        runs += read_jobs_that_never_began(sweep)
    if not runs:
        hint = ""
        if folders.links:
            hint = f"; {folders.links[0]} is a link: name the link to search it"
        if folders.unreadable:
            hint += f"; cannot read {folders.unreadable[0]}"
        raise ConfigError(
            f"{path} holds no run, and no folder below it does; a run folder has a "
            f"status.json or metrics.json{hint}"
        )
    return runs, folders


def find_folders(folder: Path) -> FoundFolders:
    """Finds the runs, sweeps and links at or below a folder.

    Folders that `mtl-evaluate` has written are left out, unless `folder` itself is one.
    Such a folder holds copies of the runs of a sweep, with scores on another table. The
    copies must not be compared with the original runs.
    """
    folders = FoundFolders()

    def note_unreadable(error: OSError) -> None:
        folders.unreadable.append(f"{error.filename} ({error.strerror})")

    for path, subfolders, files in walk(folder, note_unreadable):
        if "status.json" in files or "metrics.json" in files:
            folders.runs.append(Path(path))
            subfolders.clear()  # `walk` then does not visit the subfolders.
        elif EVALUATIONS in files and Path(path) != folder:
            subfolders.clear()
        elif RECORDS in subfolders:
            folders.sweeps.append(Path(path))
        paths = [Path(path, name) for name in subfolders]
        folders.links += [path for path in paths if path.is_symlink()]
    return folders


def read_jobs_that_never_began(sweep: Path) -> list[Run]:
    """Returns the jobs of a sweep that failed before they had a run folder, as runs."""
    try:
        jobs = jobs_that_never_began(sweep)
    except DataError:
        return []  # A damaged record hides only these jobs.
    return [
        Run(sweep / job.name, NEVER_BEGAN, f"never began: {visible(job.error)}")
        for job in jobs
    ]


def natural_order(path: Path) -> list[tuple[int, str]]:
    """Returns a key for sorting paths that puts folder 10 after folder 9."""
    return [(int(name) if name.isdecimal() else -1, name) for name in path.parts]
