"""The folder to which the evaluations of a sweep are written."""

import re
from pathlib import Path

from mtl_cli.comparison.find_runs import EVALUATIONS
from mtl_cli.core.errors import ConfigError, first_line
from mtl_cli.core.other_files import read_json_object
from mtl_cli.core.paths import Location, listed_paths
from mtl_cli.core.written_files import HASHES_KEY, check_written

EVALUATION_FOLDER = Path("outputs/evaluations")


def default_target(sweep: Path, table: Location) -> Path:
    """Returns the folder to write: `outputs/evaluations/SWEEP-TABLE`.

    Raises:
        ConfigError: if this folder lies outside the current folder, because a link
            leads there.
    """
    # The parameters of a URL, after `?`, may hold secrets.
    path = listed_paths(table)[0].partition("?")[0]
    name = f"{sweep.resolve().name}-{Path(path).name.partition('.')[0]}"
    target = EVALUATION_FOLDER / re.sub(r"[^\w.,=-]+", "_", name)
    if Path.cwd().resolve() not in target.resolve().parents:
        raise ConfigError(
            f"{target} leads out of the current folder by a link; name the folder to "
            "write: -o FOLDER"
        )
    return target


def check_target(path: Path, target: Path, force: bool) -> None:
    """Checks that nothing but an earlier evaluation would be overwritten.

    Args:
        path: the folder that may hold an earlier evaluation now. `path` equals
            `target`, except while `replacing_folder` replaces the target: the function
            first moves the target to `path`.
        target: the folder to write, for the messages.
        force: whether an earlier evaluation may be replaced.

    Raises:
        ConfigError: if `path` exists and `force` is not set; or, with `force`, if
            `path` is not an evaluation, or if somebody has changed its files or added
            files.
    """
    if not path.exists() and not path.is_symlink():
        return
    if path.is_symlink() or not (path / EVALUATIONS).is_file():
        raise ConfigError(
            f"-o: {target} exists and is not an evaluation; name another folder"
        )
    if not force:
        raise ConfigError(
            f"-o: {target} exists; name another folder, or add --force to replace it"
        )
    try:
        hashes = read_json_object(path / EVALUATIONS).get(HASHES_KEY)
        check_written(path, EVALUATIONS, hashes)
    except (OSError, ValueError) as error:
        reason = first_line(error).replace(str(path), str(target))
        raise ConfigError(
            f"-o: {reason}; move {target} away, or name another folder"
        ) from None
