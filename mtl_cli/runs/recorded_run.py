"""Records in a run folder that a run has started, and how the run ended."""

import contextlib
import shlex
import traceback
from collections.abc import Iterator

from mtl_cli.config.run_config import Config
from mtl_cli.core.errors import LostWorkerError, WriteError
from mtl_cli.core.run_folder import LOG, RunFolder
from mtl_cli.core.secrets import mask_secrets
from mtl_cli.core.signals import Stopped
from mtl_cli.core.standard_streams import OUTPUT_CLOSED
from mtl_cli.runs.console import Console
from mtl_cli.runs.provenance import config_hash


@contextlib.contextmanager
def recorded_run(
    folder: RunFolder, config: Config, command: list[str], quiet: bool = False
) -> Iterator[Console]:
    """Yields the console of a run; records the start, the end and any error of the run.

    The status is written to `status.json`, the command and the traceback of an error to
    `train.log`. The folder is released at the end. A `quiet` console only writes to the
    log.
    """
    try:
        folder.begin(config_hash(config))
        with contextlib.closing(Console(folder.path / LOG, quiet)) as console:
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


def status_after(error: BaseException) -> tuple[str, str]:
    """Returns the status of a run that ended with an error, and the reason.

    The status is `interrupted` if the cause lies outside of the run, else `failed`.
    """
    if isinstance(error, SystemExit) and error.code == OUTPUT_CLOSED:
        return "interrupted", "the program that read the output has closed it"
    is_external = isinstance(error, KeyboardInterrupt | LostWorkerError)
    status = "interrupted" if is_external else "failed"
    return status, mask_secrets(str(error)) or type(error).__name__
