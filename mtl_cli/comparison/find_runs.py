"""Finds and reads the runs below the folders that a user names."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from mtl_cli.comparison.configurations import EARLIER_RUN_KEY
from mtl_cli.comparison.read_run import read_run
from mtl_cli.comparison.run_settings import complete_settings
from mtl_cli.comparison.runs import NEVER_BEGAN, Run
from mtl_cli.core.atomic_write import UNFINISHED_PREFIX
from mtl_cli.core.errors import ConfigError, DataError
from mtl_cli.core.message_text import comma_list, visible
from mtl_cli.core.other_files import walk
from mtl_cli.runs.job_records import RECORDS, jobs_that_never_began

EVALUATIONS = "evaluations.json"  # the file that marks a folder of `mtl-evaluate`


@dataclass
class FoundFolders:
    """The folders at and below a folder."""

    runs: list[Path] = field(default_factory=list)
    sweeps: list[Path] = field(default_factory=list)
    # The folders that are links or cannot be read, each with the reason.
    left_out: list[str] = field(default_factory=list)


def read_runs(
    paths: list[str], warn: Callable[[str], object] = lambda text: None
) -> list[Run]:
    """Reads all runs at or below the paths, in the order in which they started.

    Jobs of a sweep that never began come first, as runs without scores.

    Args:
        paths: run folders, folders of sweeps, or folders that hold such folders.
        warn: receives a warning if folders are left out, because they are links or
            cannot be read.

    Raises:
        ConfigError: if a path is not a folder, or there is no run at or below it.
    """
    runs_by_folder: dict[Path, Run] = {}  # each run once, even if the paths overlap
    left_out: list[str] = []
    for path in paths:
        if not path or not Path(path).is_dir():
            raise ConfigError(
                f"{path!r} is not a folder; give the folders of runs or sweeps, or "
                "outputs/"
            )
        folders = find_folders(Path(path))
        left_out += folders.left_out
        runs = [read_run(folder) for folder in folders.runs]
        for sweep in folders.sweeps:
            with suppress(DataError):  # a damaged record hides only these jobs
                for job in jobs_that_never_began(sweep):
                    error = f"never began: {visible(job.error)}"
                    runs.append(Run(sweep / job.name, NEVER_BEGAN, error))
        if not runs:
            reason = f"; left out: {comma_list(left_out)}" if left_out else ""
            raise ConfigError(
                f"{path} holds no run, and no folder below it does; a run folder has a "
                f"status.json or metrics.json{reason}"
            )
        for run in runs:
            runs_by_folder.setdefault(run.path.resolve(), run)
    if left_out:
        names = comma_list(dict.fromkeys(left_out))
        warn(f"these folders are left out: {names}; name a link to compare its runs")
    runs = list(runs_by_folder.values())
    complete_settings([run.settings for run in runs if run.is_readable])
    mark_lines(runs)
    return sorted(runs, key=lambda run: (run.start, natural_order(run.path)))


def mark_lines(runs: list[Run]) -> None:
    """Sets `is_in_line` of runs that start from a run, or from which a run starts."""
    records = [run.environment.get("start_from") for run in runs]
    hashes = {str(r.get("config_hash", "")) for r in records if isinstance(r, dict)}
    for run in runs:
        is_earlier_run = str(run.environment.get("config_hash", "unknown")) in hashes
        run.is_in_line = EARLIER_RUN_KEY in run.settings or is_earlier_run


def find_folders(folder: Path) -> FoundFolders:
    """Finds the runs and sweeps at or below a folder.

    A folder that `mtl-evaluate` has written is left out, unless `folder` itself is one.
    Such a folder holds copies of runs with scores on another table. These scores must
    not be compared with those of the original runs. A temporary folder is left out,
    too: a killed command has not finished the run in such a folder.
    """
    folders = FoundFolders()

    def note_unreadable(error: OSError) -> None:
        folders.left_out.append(f"{error.filename} ({error.strerror})")

    for path, subfolders, files in walk(folder, note_unreadable):
        if "status.json" in files or "metrics.json" in files:
            folders.runs.append(Path(path))
            subfolders.clear()
        elif EVALUATIONS in files and Path(path) != folder:
            subfolders.clear()
        elif RECORDS in subfolders:
            folders.sweeps.append(Path(path))
        # `walk` does not visit the subfolders that are removed from this list.
        subfolders[:] = [n for n in subfolders if not n.startswith(UNFINISHED_PREFIX)]
        paths = [Path(path, name) for name in subfolders]
        folders.left_out += [f"{link} (a link)" for link in paths if link.is_symlink()]
    return folders


def read_sweep(sweep: Path) -> list[Run]:
    """Reads the runs below a folder, in the natural order of their names."""
    return [read_run(f) for f in sorted(find_folders(sweep).runs, key=natural_order)]


def natural_order(path: Path) -> list[tuple[int, str]]:
    """Returns a key for sorting paths that puts folder 10 after folder 9."""
    return [(int(name) if name.isdecimal() else -1, name) for name in path.parts]
