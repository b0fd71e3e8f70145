"""The folder to which the evaluations of a sweep are written."""

import re
from pathlib import Path

from mtl_cli.comparison.find_runs import EVALUATIONS
from mtl_cli.core.errors import ConfigError, first_line
from mtl_cli.core.locations import Location, path_list
from mtl_cli.core.other_files import read_json_object
from mtl_cli.core.written_files import HASHES_KEY, check_written

EVALUATION_FOLDER = Path("outputs/evaluations")


def default_target(sweep: Path, table: Location) -> Path:
    """Returns the folder to write: `outputs/evaluations/SWEEP-TABLE`.

    Raises:
        ConfigError: if this folder lies outside the current folder, because a link
            leads there.
    """
    # The parameters of a URL, after `?`, may hold secrets.
    path = path_list(table)[0].partition("?")[0]
    name = f"{sweep.resolve().name}-{Path(path).name.partition('.')[0]}"
    target = EVALUATION_FOLDER / re.sub(r"[^\w.,=-]+", "_", name)
    if Path.cwd().resolve() not in target.resolve().parents:
        raise ConfigError(
            f"{target} leads out of the current folder by a link; name the folder to "
            "write: -o FOLDER"
        )
    return target


def check_evaluation_target(target: Path, force: bool) -> None:
    """Checks that nothing but an earlier evaluation would be overwritten.

    Args:
        target: the folder to write.
        force: whether an earlier evaluation may be replaced.

    Raises:
        ConfigError: if `target` exists and `force` is not set; or, with `force`, if
            `target` is not an evaluation, or if somebody has changed its files or added
            files.
    """
    if not target.exists() and not target.is_symlink():
        return
    if target.is_symlink() or not (target / EVALUATIONS).is_file():
        raise ConfigError(
            f"-o: {target} exists and is not an evaluation; name another folder"
        )
    if not force:
        raise ConfigError(
            f"-o: {target} exists; name another folder, or add --force to replace it"
        )
    try:
        hashes = read_json_object(target / EVALUATIONS).get(HASHES_KEY)
        check_written(target, EVALUATIONS, hashes)
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"-o: {first_line(error)}; move {target} away, or name another folder"
        ) from None
