"""One job of a sweep: what it is, and what its process does."""

import faulthandler
import os
import signal
import socket
import threading
import time
from dataclasses import dataclass
from multiprocessing import connection, parent_process
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from mtl_cli.config.overrides import as_typed
from mtl_cli.core.errors import ConfigError, MtlError
from mtl_cli.core.run_folder import status_of
from mtl_cli.runs.job_records import JobRecord

MULTI_WORKER = (
    "trainer.strategy: multi_worker is for one run on several machines; a sweep's jobs "
    "each run on one"
)


@dataclass(frozen=True)
class Job:
    """One run of a sweep, in plain values that any process can read.

    Attributes:
        number: in the sweep; with a point where one command makes several.
        settings: `key=value` that tell it from others.
        values: the composed configuration, resolved.
        choices: of config groups.
        sweep: the sweep's folder.
        name: of its folder in there.
        threads: of an operation; 0 leaves it to TensorFlow.
        secrets: of the environment that the configuration holds, and their names.
        plugins: the folders that `--plugins` names.
    """

    number: str
    settings: list[str]
    values: dict[str, Any]
    choices: dict[str, Any]
    sweep: Path
    name: str
    threads: int
    secrets: dict[str, str]
    plugins: list[str]

    @property
    def folder(self) -> Path:
        """The run folder."""
        return self.sweep / self.name

    @property
    def record(self) -> JobRecord:
        """What the sweep knows of it, as it starts."""
        return JobRecord(self.number, self.name, list(map(as_typed, self.settings)))


def perform(job: Job) -> None:
    """Runs a job in this process, which has run nothing else, and records how it ended.

    Ctrl-C on the terminal reaches the sweep alone, which then tells its jobs. The
    terminal is the sweep's too: what libraries print to stderr goes to a file.
    """
    os.setsid()
    end_with_parent()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    redirect(job.record.errors(job.sweep))
    faulthandler.enable()
    if job.threads:
        os.environ["TF_NUM_INTRAOP_THREADS"] = str(job.threads)
    from mtl_cli.core import plugins, secrets, signals
    from mtl_cli.runs import ending
    from mtl_cli.runs.execution import Request, execute

    signals.install()
    secrets.note(job.secrets)
    record, start = job.record, time.monotonic()
    record.pid, record.host = os.getpid(), socket.gethostname()
    record.write(job.sweep)
    try:
        plugins.use_folders(job.plugins)
        if job.values["trainer"]["strategy"] == "multi_worker":
            raise ConfigError(MULTI_WORKER)
        request = Request(
            OmegaConf.create(job.values), job.choices, record.settings, job.folder
        )
        record.status = "done" if execute(request).ran else "skipped"
        record.scores, record.objective = results(job)
    except KeyboardInterrupt as stop:
        record.status, record.code = "interrupted", getattr(stop, "code", 130)
        record.error = str(stop) or "interrupted"
    except SystemExit as stop:
        record.status, record.code = "failed", 1
        record.error = f"something called sys.exit({stop.code!r})"
    except Exception as error:
        record.status = "failed"
        record.error, record.code = ending.told(error)
    record.seconds = time.monotonic() - start
    record.write(job.sweep)


def done_before(job: Job) -> bool:
    """Whether a job's folder holds its finished run; then that is recorded.

    Where it holds another one, or a damaged one, the job's process will say so.
    """
    from mtl_cli.config.check import check
    from mtl_cli.runs.resume import choose

    record, start = job.record, time.monotonic()
    try:
        if status_of(job.folder).get("status") != "done":
            return False
        choose(check(OmegaConf.create(job.values)), job.folder, new=False)
        record.scores, record.objective = results(job)
    except (MtlError, OSError, ValueError):
        return False
    record.status = "skipped"
    record.seconds = time.monotonic() - start
    record.write(job.sweep)
    return True


def end_with_parent() -> None:
    """Ends this process as soon as the one that started it is gone."""
    parent = parent_process()
    if parent is None:
        return

    def watch(sentinel: Any) -> None:
        connection.wait([sentinel])
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=watch, args=(parent.sentinel,), daemon=True).start()


def redirect(errors: Path) -> None:
    """Sends what is printed nowhere, and what is said on stderr to a file."""
    for path, descriptor in ((os.devnull, 1), (errors, 2)):
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        os.dup2(file, descriptor)
        os.close(file)


def results(job: Job) -> tuple[dict[str, float | None], float | None]:
    """Returns a finished run's first metric of each task, and what it monitors.

    The first are of the validation rows, or else of the test rows. Only validation rows
    may choose between runs, so without them there is no second.
    """
    from mtl_cli.config.check import check
    from mtl_cli.evaluation.scores import monitored, read_scores

    config = check(OmegaConf.create(job.values))
    scores = read_scores(job.folder, config.outputs)
    if not scores:  # of check_only
        return {}, None
    shown = next(scores[s] for s in ("valid", "test", "train") if s in scores)
    firsts = {
        output.name: shown[output.name][output.first_metric]
        for output in config.outputs
        if not output.added
    }
    if "valid" not in scores:
        return firsts, None
    return firsts, monitored(config.trainer.monitor, config.outputs, scores["valid"])
