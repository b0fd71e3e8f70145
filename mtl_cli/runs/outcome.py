"""Describes how a run ended: its status, the message for the user, the exit code."""

import shlex

from mtl_cli.core.errors import LostWorkerError, MtlError, first_line
from mtl_cli.core.paths import shortest
from mtl_cli.core.secrets import mask_secrets
from mtl_cli.core.signals import Stopped
from mtl_cli.core.standard_streams import OUTPUT_CLOSED


def status_after(error: BaseException) -> tuple[str, str]:
    """Returns the status of a run that ended with an error, and the reason.

    The status is `interrupted` if the cause lies outside of the run, else `failed`.
    """
    if isinstance(error, SystemExit) and error.code == OUTPUT_CLOSED:
        return "interrupted", "the program that read the output has closed it"
    is_external = isinstance(error, KeyboardInterrupt | LostWorkerError)
    status = "interrupted" if is_external else "failed"
    return status, mask_secrets(str(error)) or type(error).__name__


def message_and_code(error: Exception) -> tuple[str, int]:
    """Returns the one-line message for an error that ended a run, and the exit code."""
    if isinstance(error, MtlError):
        return str(error), error.exit_code
    return f"{failure(error)}; the traceback is in train.log", 1


def failure(error: Exception) -> str:
    """Returns an error's message, with the error's class unless mtl-cli raised it."""
    class_name, message = type(error).__name__, first_line(error)
    # `first_line` returns the class of an error without a message.
    is_complete = isinstance(error, MtlError) or message == class_name
    return message if is_complete else f"{class_name}: {message}"


def resume_hint(stop: Stopped, command: list[str]) -> str:
    """Returns the message for a run that a signal stopped.

    The message names the signal, the last checkpoint and the command to resume the run.

    Args:
        stop: the exception that ended the run.
        command: the command that started the run.
    """
    if stop.run is None:
        return str(stop)
    from mtl_cli.training.checkpoint import checkpoint_files, describe_checkpoint

    checkpoints = checkpoint_files(stop.run)
    if not checkpoints:
        return f"{stop}; no checkpoint was written yet"
    newest = checkpoints[0]
    return (
        f"{stop}; all up to {describe_checkpoint(newest)} is safe in "
        f"{shortest(newest)}; to go on: {resume_command(command)}"
    )


def resume_command(command: list[str]) -> str:
    """Returns the command that resumes the run or sweep that `command` started.

    The setting `resume=` is left out: `resume=never` would start a new run.
    """
    return shlex.join(word for word in command if not word.startswith("resume="))
