"""`mtl-train`: composes a configuration, checks it, and trains one run or a sweep."""

import contextlib
import io
import os
import sys
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import hydra
from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.hydra_config import HydraConfig
from hydra.core.plugins import Plugins
from hydra.plugins.search_path_plugin import SearchPathPlugin
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from mtl_cli.cli.arguments import hydra_arguments, prints_only, split_plugins
from mtl_cli.cli.completion_guard import offer_plain_words_only
from mtl_cli.cli.config_files import USER_FILES
from mtl_cli.cli.config_guard import refuse_foreign_code
from mtl_cli.config.overrides import as_typed
from mtl_cli.core import plugins, signals
from mtl_cli.core.errors import (
    JobError,
    StorageError,
    WriteError,
    fail,
    warn_in_one_line,
)
from mtl_cli.core.paths import (
    check_current_folder,
    conf_folder,
    shortest,
    user_conf_folder,
)
from mtl_cli.core.private_doors import exit_without_teardown
from mtl_cli.core.secrets import mask_secrets
from mtl_cli.core.signals import Stopped
from mtl_cli.core.standard_streams import (
    OUTPUT_CLOSED,
    drop_output,
    prepare_streams,
    write_to_stdout,
)
from mtl_cli.runs.execution import RunRequest, execute
from mtl_cli.runs.outcome import message_and_code, resume_command, resume_hint
from mtl_cli.sweep import external_launchers, session
from mtl_cli.sweep.optuna_search import running_jobs_outlive_storage

PROGRAM = "mtl-train"


@dataclass(frozen=True)
class Failure:
    """A reason why a command fails.

    Attributes:
        message: the reason and its fix, in one line.
        code: the exit code.
        error: the name of the error's class.
    """

    message: str
    code: int
    error: str = "ConfigError"


def command() -> NoReturn:
    """Runs `mtl-train`, and then ends the process without slow cleanup."""
    try:
        main()
    except SystemExit as stop:
        code = stop.code if isinstance(stop.code, int) else int(stop.code is not None)
    if session.current is not None:  # Python's exit waits for a sweep's processes
        sys.exit(code)
    exit_without_teardown(code)


def main() -> NoReturn:
    """Runs `mtl-train` and exits.

    The exit code is 0 if all is done, 1 for a failed run, 2 for wrong input, and 129,
    130 or 143 after a signal. If jobs of a sweep fail for different reasons, it is 1.
    """
    failures, _ = train(sys.argv[1:])
    codes = {fail(PROGRAM, failure.message, failure.code) for failure in failures}
    sys.exit(1 if len(codes) > 1 else max(codes, default=0))


def train(
    arguments: list[str], more_settings: Sequence[str] = ()
) -> tuple[list[Failure], Path | None]:
    """Trains the run or the sweep that a command line asks for.

    Args:
        arguments: the command line, as messages to the user show it.
        more_settings: further settings that messages to the user do not show.

    Returns: the failures, and the folder of a single run that has succeeded, or None.
    """
    prepare_process()
    results: list[Path | Exception] = []
    try:
        check_current_folder()
        with signals.not_hidden():
            results = compose_and_run(arguments, more_settings)
            session.wait_for_jobs()
    except KeyboardInterrupt as stop:
        session.stop_jobs()
        message = with_job_counts(str(stop) or "interrupted", arguments)
        code = getattr(stop, "code", 130)
        return [Failure(message, code, "KeyboardInterrupt")], None
    except SystemExit:
        session.stop_jobs()
        raise
    except BrokenPipeError:  # `mtl-train --help | head` closes the output early
        session.stop_jobs()
        # Otherwise Python would try again to write at exit, and print an error.
        drop_output(sys.stdout.fileno())
        sys.exit(OUTPUT_CLOSED)
    except Exception as error:
        from mtl_cli.cli.hydra_errors import explain

        # Some sweepers raise an error for failed jobs. The jobs' own errors follow
        # below. Any other error concerns the command or the YAML files.
        reason = external_launchers.describe_failure(error)
        has_failed_jobs = session.stop_jobs(reason)
        if reason:
            results.append(JobError(with_job_counts(reason, arguments)))
        elif isinstance(error, StorageError | WriteError):
            results.append(error)
        elif not has_failed_jobs:
            return [Failure(explain(error, sys.argv[1:]), 2)], None
    errors = [result for result in results if isinstance(result, Exception)]
    failures = [Failure(*message_and_code(e), type(e).__name__) for e in errors]
    failures += [Failure(message, code) for message, code in session.failures()]
    folders = [result for result in results if isinstance(result, Path)]
    return failures, folders[0] if folders else None


def with_job_counts(reason: str, arguments: list[str]) -> str:
    """Adds to a reason the counts of a sweep's jobs, and how to resume the sweep."""
    counts = session.job_counts_message()
    if not counts:
        return reason
    return f"{reason}; {counts}; to go on: {resume_command([PROGRAM, *arguments])}"


def compose_and_run(
    arguments: list[str], more_settings: Sequence[str]
) -> list[Path | Exception]:
    """Lets Hydra compose the configuration, and runs it or starts the jobs of a sweep.

    Returns: the folder or the error of a single run; empty for a sweep.
    """
    results: list[Path | Exception] = []
    plugin_folders, other_arguments = split_plugins(arguments)
    plugins.use_folders(plugin_folders)
    sys.argv[1:] = hydra_arguments([*more_settings, *other_arguments])

    def run_or_start_jobs(composed: DictConfig) -> Any:
        if HydraConfig.get().mode == RunMode.MULTIRUN:
            from mtl_cli.sweep.start_jobs import start_jobs

            # Some launchers call this function in another process.
            plugins.use_folders(plugin_folders)
            with signals.not_hidden():
                return start_jobs(composed)
        try:
            results.append(execute(request_of(composed)).folder)
        except Stopped as stop:
            message = resume_hint(stop, [PROGRAM, *arguments])
            raise Stopped(stop.code, message) from None
        except Exception as error:  # Hydra would print a traceback
            results.append(error)

    is_printing = prints_only(sys.argv[1:])
    output = masked_output() if is_printing else contextlib.nullcontext()
    with running_jobs_outlive_storage(), output:
        hydra.main(
            version_base="1.3", config_path=str(conf_folder()), config_name="config"
        )(run_or_start_jobs)()
    return results


@contextlib.contextmanager
def masked_output() -> Iterator[None]:
    """Masks the secrets in the text that is printed inside the block."""
    output = io.StringIO()
    try:
        with contextlib.redirect_stdout(output):
            yield
    finally:
        write_to_stdout(mask_secrets(output.getvalue()))


def prepare_process() -> None:
    """Prepares Hydra, the standard streams and the signals of this process."""
    prepare_streams()
    # Makes Hydra raise its errors instead of printing them and exiting.
    os.environ["HYDRA_FULL_ERROR"] = "1"
    # Keeps child processes from importing modules of the current folder: a file such
    # as `random.py` would replace a module of Python.
    os.environ["PYTHONSAFEPATH"] = "1"
    # Hydra warns of a file with the name of one of its own options, although it may
    # replace the option.
    warnings.filterwarnings(
        "ignore", message=r"\s*'hydra/.*is validated against ConfigStore"
    )
    warn_in_one_line()
    Plugins.instance().register(UserConf)
    refuse_foreign_code()
    offer_plain_words_only()
    signals.install()


class UserConf(SearchPathPlugin):
    """Makes Hydra look for options in the user's `./conf`, in ours, then in plugins."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        folder = user_conf_folder()
        if folder is not None:
            search_path.prepend(USER_FILES, f"file://{folder}", anchor="main")
        for folder in plugins.conf_folders():
            search_path.append("mtl-plugin", f"file://{folder}")


def request_of(composed: DictConfig) -> RunRequest:
    """Returns the run that a composed configuration and its section `hydra` ask for."""
    hydra_config = HydraConfig.get()
    # An interpolation in a setting is the user's text. The configuration's own check
    # resolves it, and names the key if that fails.
    unresolved: Any = OmegaConf.to_container(hydra_config, resolve=False)
    settings = unresolved["overrides"]["task"]
    return RunRequest(
        composed,
        choices=dict(hydra_config.runtime.choices),
        settings=[*config_flags(), *map(as_typed, settings)],
        folder=Path(hydra_config.runtime.output_dir),
        is_new_folder="${now:" in unresolved["run"]["dir"],
    )


def config_flags() -> list[str]:
    """Returns the flags of the command line: plugins, and a primary configuration."""
    hydra_config = HydraConfig.get()
    sources = getattr(hydra_config.runtime, "config_sources", [])
    flags = [f"--plugins={shortest(Path(path))}" for path in plugins.used_folders()]
    return flags + [
        flag
        for source in sources
        if source.provider == "main" and Path(source.path) != conf_folder()
        for flag in (
            f"--config-path={shortest(Path(source.path))}",
            f"--config-name={hydra_config.job.config_name}",
        )
    ]


if __name__ == "__main__":
    command()
