"""Prepares stdin, stdout and stderr, and handles outputs that take no more text."""

import contextlib
import errno
import io
import os
import stat
import sys
from collections.abc import Iterator

from mtl_cli.core.errors import WriteError

# The exit code of a program that SIGPIPE has ended: `COMMAND | head` closes stdout.
OUTPUT_CLOSED = 141


def prepare_streams() -> None:
    """Opens closed streams, and lets stdout and stderr take every character.

    If a stream is closed at the start, as in `COMMAND >&-`, the next opened file would
    get its number, and a library that prints would write into this file. Therefore the
    null device is opened in place of the stream.

    Characters that the encoding of a terminal lacks, such as "±", are printed as "?".
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            stream = open(os.devnull, mode, encoding="utf-8")  # noqa: SIM115
            os.set_inheritable(stream.fileno(), True)  # for child processes
            setattr(sys, name, stream)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def drop_output(descriptor: int) -> None:
    """Sends all further output of a file descriptor, such as 1, to the null device.

    Otherwise Python would print an error at exit for text that was not written.
    """
    os.dup2(os.open(os.devnull, os.O_WRONLY), descriptor)


def drop_closed_terminal() -> None:
    """Drops the output of stdout and stderr if they are a terminal that has closed."""
    for descriptor in (1, 2):
        # A terminal is a character device. After it has closed, `isatty` is false.
        if stat.S_ISCHR(os.fstat(descriptor).st_mode) and not os.isatty(descriptor):
            drop_output(descriptor)


@contextlib.contextmanager
def stdout_write_errors() -> Iterator[None]:
    """Turns an error of the block, except a `BrokenPipeError`, into a `WriteError`.

    The block must do nothing but write to stdout. If the terminal has closed, the text
    is dropped: SIGHUP follows, and stops the command.
    """
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        is_device = stat.S_ISCHR(os.fstat(sys.stdout.fileno()).st_mode)
        drop_output(sys.stdout.fileno())
        if error.errno == errno.EIO and is_device:
            return
        raise WriteError(f"cannot write to stdout: {error.strerror}") from None


def write_to_stdout(text: str) -> None:
    """Writes a text to stdout; see `stdout_write_errors`."""
    with stdout_write_errors():
        sys.stdout.write(text)
