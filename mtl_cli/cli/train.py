"""`mtl-train`: composes a configuration, checks it, and trains one run or a sweep."""

import contextlib
import io
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NoReturn

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from mtl_cli.cli.arguments import (
    hydra_arguments,
    keys_to_explain,
    prints_only,
    split_plugins,
)
from mtl_cli.cli.failures import (
    PROGRAM,
    Failure,
    failure_of,
    job_failures,
    stop_jobs_after,
    stop_sweep,
    with_job_counts,
)
from mtl_cli.cli.hydra_setup import prepare_hydra
from mtl_cli.config.key_help import explain_keys
from mtl_cli.config.overrides import without_added_prefix
from mtl_cli.core import plugins, signals
from mtl_cli.core.errors import CompleteGridError, ConfigError, fail, warn_in_one_line
from mtl_cli.core.paths import check_current_folder, conf_folder, short_path
from mtl_cli.core.private_apis import exit_without_teardown
from mtl_cli.core.secrets import mask_secrets
from mtl_cli.core.signals import Stopped
from mtl_cli.core.standard_streams import (
    OUTPUT_CLOSED,
    drop_output,
    prepare_streams,
    write_to_stdout,
)
from mtl_cli.runs.execution import RunRequest, execute
from mtl_cli.runs.outcome import stop_message
from mtl_cli.sweep import session
from mtl_cli.sweep.optuna_search import finish_jobs_if_storage_is_lost


def command() -> NoReturn:
    """Runs `mtl-train`, and then ends the process without slow cleanup."""
    try:
        main()
    except SystemExit as stop:
        code = stop.code if isinstance(stop.code, int) else int(stop.code is not None)
    signals.end_at_once()
    if session.current is not None:
        # The launcher of a sweep may have to end its own processes at exit.
        sys.exit(code)
    exit_without_teardown(code)


def main() -> NoReturn:
    """Runs `mtl-train` and exits.

    The exit code is 0 if all is done, 1 for a failed run, 2 for wrong input, and 129,
    130 or 143 after a signal. If failures have different codes, the exit code is 1.
    """
    failures, _ = train(sys.argv[1:])
    for failure in failures:
        fail(PROGRAM, failure.message, failure.code)
    codes = {failure.code for failure in failures} or {0}
    sys.exit(codes.pop() if len(codes) == 1 else 1)


def train(
    arguments: list[str], more_settings: Sequence[str] = ()
) -> tuple[list[Failure], Path | None]:
    """Trains the run or the sweep that a command line asks for.

    Messages to the user show `arguments`, but not `more_settings`.

    Returns: the failures, and the folder of a single run that has succeeded, or None.
    """
    prepare_process()
    try:
        check_current_folder()
        with signals.raise_hidden_interrupts():
            try:
                folder, run_error = compose_and_run(arguments, more_settings)
            except CompleteGridError:  # other sweeps have taken the last points
                folder = run_error = None
                if session.current is not None:
                    session.current.search_is_complete = True
            if session.current is not None:
                session.current.finish()
    except KeyboardInterrupt as stop:
        stop_sweep()
        message = with_job_counts(str(stop) or "interrupted", arguments)
        code = stop.code if isinstance(stop, Stopped) else 130
        return [Failure(message, code, "KeyboardInterrupt")], None
    except SystemExit:
        stop_sweep()
        raise
    except BrokenPipeError:  # `mtl-train --help | head` closes the output early
        stop_sweep()
        # Otherwise Python would try again to write at exit, and print an error.
        drop_output(sys.stdout.fileno())
        sys.exit(OUTPUT_CLOSED)
    except Exception as error:
        return stop_jobs_after(error, arguments), None
    failures = [] if run_error is None else [failure_of(run_error)]
    return failures + job_failures(), folder


def compose_and_run(
    arguments: list[str], more_settings: Sequence[str]
) -> tuple[Path | None, Exception | None]:
    """Lets Hydra compose the configuration; trains one run or starts a sweep's jobs.

    Hydra reads its arguments from `sys.argv`, so this function changes `sys.argv`.

    Returns: the folder of a single run that has succeeded, and the error of one that
        has failed. After a sweep or `--help`, both are None.
    """
    plugin_folders, other_arguments = split_plugins(arguments)
    folder: Path | None = None
    run_error: Exception | None = None
    plugins.use_folders(plugin_folders)
    if keys := keys_to_explain(other_arguments):
        write_to_stdout(explain_keys(keys))
        return None, None
    sys.argv[1:] = hydra_arguments([*more_settings, *other_arguments])

    def run_or_start_jobs(composed: DictConfig) -> Any:
        nonlocal folder, run_error
        if HydraConfig.get().mode == RunMode.MULTIRUN:
            from mtl_cli.sweep.start_jobs import start_jobs

            # Some launchers call this function in another process. In the process of
            # the sweep, the thread of the job table may be importing plugins.
            if not plugins.used_folders():
                plugins.use_folders(plugin_folders)
            with signals.raise_hidden_interrupts():
                return start_jobs(composed)
        try:
            folder, _ = execute(request_of(composed))
        except Stopped as stop:
            message = stop_message(stop, [PROGRAM, *arguments])
            raise Stopped(stop.number, message) from None
        except Exception as error:  # Hydra would print a traceback
            run_error = error
        return None

    only_prints = prints_only(other_arguments)
    masking = masked_output() if only_prints else contextlib.nullcontext()
    with finish_jobs_if_storage_is_lost(), masking:
        hydra.main(
            version_base="1.3", config_path=str(conf_folder()), config_name="config"
        )(run_or_start_jobs)()
    return folder, run_error


def request_of(composed: DictConfig) -> RunRequest:
    hydra_config = HydraConfig.get()
    # Not resolved: an interpolation in the user's settings may be wrong. The check of
    # the configuration resolves the interpolation later, and names its key.
    unresolved: Any = OmegaConf.to_container(hydra_config, resolve=False)
    settings = map(without_added_prefix, unresolved["overrides"]["task"])
    flags = plugins.plugin_flags()
    # The user's file, not mtl-cli's `config.yaml`, may be the primary configuration.
    is_users_primary = hydra_config.job.config_name != "config"
    for source in hydra_config.runtime.config_sources:
        folder = Path(source.path)
        if source.provider == "command-line":
            flags.append(f"--config-dir={short_path(folder)}")
        if source.provider == "main" and folder != conf_folder():
            flags.append(f"--config-path={short_path(folder)}")
            is_users_primary = True
    if is_users_primary:
        flags.append(f"--config-name={hydra_config.job.config_name}")
    return RunRequest(
        composed,
        choices=dict(hydra_config.runtime.choices),
        settings=[*flags, *settings],
        folder=Path(hydra_config.runtime.output_dir),
        # A folder that is named by the time is a new folder for each command.
        is_named_by_time="${now:" in unresolved["run"]["dir"],
    )


@contextlib.contextmanager
def masked_output() -> Iterator[None]:
    """Masks secrets in what Hydra prints inside the block.

    Hydra prints an error and exits with 1 for one mistake, a wrong `--package`.
    """
    output, errors = io.StringIO(), io.StringIO()
    try:
        with contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors):
            yield
    except SystemExit as stop:
        if stop.code != 1:
            raise
        reason = errors.getvalue().strip()
        errors.truncate(0)
        raise ConfigError(f"{reason}; name a section, as in --package model") from None
    finally:
        write_to_stdout(mask_secrets(output.getvalue()))
        if text := errors.getvalue():
            sys.stderr.write(mask_secrets(text))


def prepare_process() -> None:
    prepare_streams()
    warn_in_one_line()
    # Keeps child processes from importing modules of the current folder: a file such
    # as `random.py` would replace a module of Python.
    os.environ["PYTHONSAFEPATH"] = "1"
    prepare_hydra()
    signals.install()


if __name__ == "__main__":
    command()
