"""Describes the error that ended a run: the message for the user, the exit code."""

import re
import shlex

from mtl_cli.core.errors import FIX_OF_IMPORT, MtlError, first_line
from mtl_cli.core.paths import short_path
from mtl_cli.core.secrets import mask_secrets
from mtl_cli.core.signals import Stopped
from mtl_cli.core.standard_streams import OUTPUT_CLOSED

OUT_OF_MEMORY = re.compile(r"(OOM when|Out of memory).*")  # to the end of the line


def message_and_code(error: BaseException) -> tuple[str, int]:
    if isinstance(error, MtlError):
        return str(error), error.exit_code
    message = failure_message(error)
    if isinstance(error, ModuleNotFoundError):
        message = f"{message}; {FIX_OF_IMPORT}"
    return message, 1


def failure_message(error: BaseException) -> str:
    """Describes an error in one line: by its class and message.

    The class is left out of the errors that mtl-cli raises itself.
    """
    if isinstance(error, SystemExit):
        return f"something called sys.exit({error.code!r})"
    # TensorFlow's message begins with other lines, such as "Graph execution error:".
    if type(error).__name__ == "ResourceExhaustedError" and (
        out_of_memory := OUT_OF_MEMORY.search(mask_secrets(str(error)))
    ):
        return (
            f"{out_of_memory[0]}; choose a smaller model or, if a training step needed "
            "the memory, a smaller trainer.batch_size"
        )
    line = first_line(error)  # the class, if the error has no message
    has_message = bool(str(error).strip())
    if has_message and not isinstance(error, MtlError):
        return f"{type(error).__name__}: {line}"
    return line


def is_expected(error: BaseException) -> bool:
    """Whether an error needs no traceback, because its message says enough.

    True for errors with a message for the user (`MtlError`), for a stop by a signal or
    by Ctrl-C, and for a closed output.
    """
    if isinstance(error, SystemExit):
        return error.code == OUTPUT_CLOSED
    return isinstance(error, MtlError | KeyboardInterrupt | BrokenPipeError)


def stop_message(stop: Stopped, command: list[str]) -> str:
    """Names the signal, the last checkpoint, and how to go on with a stopped run."""
    if stop.run is None:
        return str(stop)
    from mtl_cli.training.checkpoint import checkpoint_files, describe_checkpoint

    checkpoints = checkpoint_files(stop.run)
    if not checkpoints:
        return f"{stop}; no checkpoint was written yet"
    newest = checkpoints[0]
    return (
        f"{stop}; the training up to {describe_checkpoint(newest)} is saved in "
        f"{short_path(newest)}; to go on: {resume_command(command)}"
    )


def resume_command(command: list[str]) -> str:
    """Returns the command that resumes the run or sweep that `command` started.

    The setting `resume=` is left out: `resume=never` would start a new run.
    """
    return shlex.join(
        word for word in command if not word.lstrip("+").startswith("resume=")
    )
