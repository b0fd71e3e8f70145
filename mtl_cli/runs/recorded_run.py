"""Records in a run folder that a run has started, and how the run ended."""

import contextlib
import shlex
import traceback
from collections.abc import Iterator

from mtl_cli.core.errors import WriteError
from mtl_cli.core.run_folder import LOG, RunFolder
from mtl_cli.core.signals import Stopped
from mtl_cli.runs.console import Console
from mtl_cli.runs.outcome import status_after


@contextlib.contextmanager
def recorded_run(
    folder: RunFolder, config_hash: str, command: list[str]
) -> Iterator[Console]:
    """Yields the console of a run; records the start, the end and any error of the run.

    The status is written to `status.json`, and the traceback of an error to
    `train.log`. An error of the block is raised again.

    Args:
        folder: the run folder, locked for this process. The lock is released at the
            end.
        config_hash: the hash of the run's configuration.
        command: the command that makes the run, for the log.
    """
    try:
        folder.begin(config_hash)
        with contextlib.closing(Console(folder.path / LOG)) as console:
            try:
                console.log_line(shlex.join(command))
                yield console
            except BaseException:
                # If the log cannot be written either, the first error matters more.
                with contextlib.suppress(WriteError):
                    console.log_line(traceback.format_exc())
                raise
        folder.finish("done")
    except BaseException as error:
        with contextlib.suppress(WriteError):
            folder.finish(*status_after(error))
        if isinstance(error, Stopped):
            error.run = folder.path  # for the message that says how to resume
        raise
    finally:
        folder.release()
