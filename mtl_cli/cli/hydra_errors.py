"""Turns Hydra's errors into messages of one line, with the fix."""

import errno
import re

import yaml
from hydra.errors import InstantiationException

from mtl_cli.cli.hydra_key_errors import message_about_sweeper_params
from mtl_cli.cli.setting_errors import message_about_settings, named_key
from mtl_cli.config.overrides import key_of_setting, without_added_prefix
from mtl_cli.core.errors import first_line, not_utf8_message
from mtl_cli.core.message_text import shown

# The start of Hydra's message about an unknown shell of `--shell-completion`.
UNKNOWN_SHELL = "No completion plugin for"
# The start of Hydra's message about `seed=interval(1,9)` without a search.
UNKNOWN_SWEEP = "BasicSweeper does not support sweep type"
# The start of Python's message about a whole number of more than 4300 digits.
TOO_MANY_DIGITS = "Exceeds the limit"
LONG_NUMBER = re.compile(r"\d[\d_]{4299,}")
UNEXPECTED_ARGUMENT = re.compile(r"unexpected keyword argument '(\w+)'")
MAX_BRACKETS = 20  # a setting with fewer brackets is read without a `RecursionError`
MAX_KEY_BYTES = 255  # the longest name of a file on most file systems
UNEXPECTED_VALUE = "a setting of this section has a value that Hydra does not expect"


def explain(error: Exception, arguments: list[str]) -> str:
    """Explains an error of the command line or the YAML files in one line.

    Hydra, OmegaConf or mtl-cli has raised the error. An error of Hydra says where Hydra
    failed. The root cause of this error says what is wrong: it is an error of OmegaConf
    or Python.

    The order of the calls matters: the error of `hydra.sweeper.params` is also an error
    of OmegaConf, and a `MissingConfigException` of Hydra is also an `OSError`.

    Args:
        error: the error.
        arguments: the arguments of the command.
    """
    root_cause: BaseException = error
    while root_cause.__cause__ is not None:
        root_cause = root_cause.__cause__
    message = (
        message_about_sweeper_params(error, arguments)
        or message_about_reading(error, root_cause, arguments)
        or message_about_settings(error, root_cause, arguments)
        or message_about_plugin(error, root_cause)
        or message_of_other_error(error, arguments)
    )
    # `mtl-train` adds `++` to settings of some sections. The user did not type this
    # prefix, so it is removed.
    return without_added_prefix(message)


def message_about_reading(
    error: Exception, root_cause: BaseException, arguments: list[str]
) -> str | None:
    """Explains why files or arguments cannot be read; None for other errors."""
    if isinstance(error, yaml.YAMLError):
        return yaml_message(error)
    if isinstance(root_cause, UnicodeEncodeError):
        return not_utf8_message(root_cause)
    if isinstance(root_cause, RecursionError):
        for argument in arguments:
            if sum(map(argument.count, "[{(")) > MAX_BRACKETS:
                key = key_of_setting(argument)
                return f"{key}: too many brackets inside of brackets; write fewer"
        return (
            "the files of the configuration include each other without end; correct "
            "the defaults lists of these files"
        )
    return None


def message_about_plugin(error: Exception, root_cause: BaseException) -> str | None:
    """Explains that a launcher or sweeper refuses its keys; None for other errors."""
    # +hydra.sweeper.pruner=median
    #   Error in call to target '[...].OptunaSweeper':
    #   TypeError("[...]__init__() got an unexpected keyword argument 'pruner'")
    #   full_key: hydra.sweeper
    if not isinstance(error, InstantiationException):
        return None
    section = named_key(error)
    if argument := UNEXPECTED_ARGUMENT.search(str(root_cause)):
        return f"unknown key '{section}.{argument[1]}'; leave this key out"
    if isinstance(root_cause, AssertionError) and not root_cause.args:
        return f"{section}: {UNEXPECTED_VALUE}"
    return f"{section}: {first_line(root_cause)}"


def yaml_message(error: yaml.YAMLError) -> str:
    """Explains an error of YAML, with file and line if the error has them."""
    mark = getattr(error, "problem_mark", None)
    if isinstance(error, yaml.MarkedYAMLError) and mark is not None:
        return f"{mark.name}:{mark.line + 1}:{mark.column + 1}: {error.problem}"
    return " ".join(str(error).split())


def message_of_other_error(error: Exception, arguments: list[str]) -> str:
    """Explains an error that Python has raised while Hydra started the command."""
    if isinstance(error, OSError) and error.errno == errno.ENAMETOOLONG:
        # Hydra looks for a file with the name of each key.
        for key in map(key_of_setting, arguments):
            if len(key.encode()) > MAX_KEY_BYTES:
                return f"{shown(key)}: the key is too long; correct this setting"
    if isinstance(error, OSError) and error.filename:  # from making the run folder
        return (
            f"hydra.run.dir: cannot make {error.filename}: {error.strerror}; name "
            "another folder by hydra.run.dir=FOLDER"
        )
    if str(error).startswith(UNKNOWN_SWEEP):
        return (
            "an interval of values is searched, not swept; add hydra/sweeper=optuna "
            "and hydra.sweeper.n_trials=20, or list the values: KEY=A,B,C"
        )
    if isinstance(error, AssertionError) and not error.args:  # of Hydra's own checks
        return f"hydra: {UNEXPECTED_VALUE}"
    if isinstance(error, ValueError) and str(error).startswith(UNKNOWN_SHELL):
        return " ".join(str(error).split())  # the known shells stand in further lines
    if isinstance(error, ValueError) and str(error).startswith(TOO_MANY_DIGITS):
        for argument in arguments:
            if LONG_NUMBER.search(argument):
                key = key_of_setting(argument)
                return (
                    f"{key}: a number has more than 4,300 digits; write a smaller one"
                )
    return first_line(error)
