"""Trains against a real MLflow server that is absent, dies, hangs or comes back.

The command `mlflow` of the package mlflow is needed, with its extra `auth`. The project
itself depends on mlflow-skinny, which has no server, so the package belongs into an
environment of its own. The variable MLFLOW holds the path of its command.
"""

import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ |= {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1", "MLFLOW_DISABLE_TELEMETRY": "1"}
from mlflow import MlflowClient
from promises import PATIENCE_SECONDS, REFUSAL_SECONDS, expect, report, wait_until

from mtl_cli.distributed.child_processes import free_ports

USER, PASSWORD = "admin", secrets.token_hex()
SETTINGS = ["model=shared_bottom", "trainer.compile=false", "trainer.batch_size=128"]
SETTINGS += ["trainer.patience=null"]
FILES = ["config.yaml", "metrics.json", "model", "report.html"]


class Server:
    """An MLflow server on 127.0.0.1 with a database in a folder.

    Args:
        folder: the folder of the database and of the artifacts.
        more: more arguments of `mlflow server`.
    """

    def __init__(self, folder: Path, *more: str) -> None:
        (self.port,) = free_ports(1)
        self.folder, self.more = folder, more
        self.process: subprocess.Popen[bytes] | None = None
        self.uri = f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Starts the server, and waits until it answers."""
        command = [os.environ.get("MLFLOW", "mlflow"), "server", "--workers", "1"]
        command += ["--host", "127.0.0.1", "--port", str(self.port)]
        command += ["--backend-store-uri", f"sqlite:///{self.folder}/server.db"]
        command += ["--artifacts-destination", str(self.folder / "artifacts")]
        ini = self.folder / "basic_auth.ini"
        ini.write_text(
            "[mlflow]\ndefault_permission = READ\n"
            f"database_uri = sqlite:///{self.folder}/auth.db\n"
            f"admin_username = {USER}\nadmin_password = {PASSWORD}\n"
        )
        own = {
            "MLFLOW_FLASK_SERVER_SECRET_KEY": secrets.token_hex(),
            "MLFLOW_AUTH_CONFIG_PATH": str(ini),
            # No drill needs background jobs, whose workers delay the start.
            "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        }
        with (self.folder / "server.log").open("ab") as log:
            self.process = subprocess.Popen(
                [*command, *self.more],
                stdout=log,
                stderr=log,
                cwd=self.folder,
                start_new_session=True,
                env=os.environ | own,
            )
        try:
            wait_until(self.answers)
        except TimeoutError:
            raise TimeoutError(
                f"the server at {self.uri} does not answer within {PATIENCE_SECONDS} s"
            ) from None

    def answers(self) -> bool:
        if self.process is not None and self.process.poll() is not None:
            raise RuntimeError((self.folder / "server.log").read_text())
        try:
            with urllib.request.urlopen(f"{self.uri}/health", timeout=2) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def send(self, number: int) -> None:
        """Sends a signal to the server and to its workers."""
        if self.process is not None:
            os.killpg(self.process.pid, number)

    def kill(self) -> None:
        """Kills the server and its workers."""
        if self.process is not None:
            self.send(signal.SIGKILL)
            self.process.wait()
            self.process = None


@contextmanager
def server(folder: Path, *more: str) -> Iterator[Server]:
    created = Server(folder, *more)
    try:
        created.start()
        yield created
    finally:
        created.kill()


@dataclass
class Training:
    """An `mtl-train` in the run folder `run` of a folder."""

    folder: Path
    name: str
    process: subprocess.Popen[bytes]
    begin: float

    @property
    def output(self) -> str:
        return (self.folder / f"{self.name}.out").read_text()

    @property
    def run(self) -> Path:
        return self.folder / self.name

    def wait(self) -> tuple[int, float]:
        """Returns the exit code, and the duration in seconds."""
        code = self.process.wait(PATIENCE_SECONDS)
        return code, time.monotonic() - self.begin

    def wait_for(self, text: str) -> float:
        """Waits for an output; returns the time."""
        wait_until(lambda: text in self.output or self.process.poll() is not None)
        return time.monotonic()


@contextmanager
def training(
    folder: Path, uri: str, *settings: str, name: str = "run", **variables: str
) -> Iterator[Training]:
    """Starts `mtl-train` with the tracker MLflow; leaves no process behind."""
    command = [sys.executable, "-m", "mtl_cli.cli.train", *SETTINGS, *settings]
    command += ["tracker=mlflow", f"tracker.uri={uri}", f"hydra.run.dir={name}"]
    own = {key: x for key, x in os.environ.items() if not key.startswith("MLFLOW_")}
    own |= variables
    begin = time.monotonic()
    with (folder / f"{name}.out").open("ab") as output:
        process = subprocess.Popen(
            command, cwd=folder, env=own, stdout=output, stderr=output
        )
    try:
        yield Training(folder, name, process, begin)
    finally:
        process.kill()
        process.wait()


def client(uri: str) -> MlflowClient:
    return MlflowClient(uri)


def runs_at(uri: str) -> list[Any]:
    found = client(uri).get_experiment_by_name("mtl-cli")
    return list(client(uri).search_runs([found.experiment_id])) if found else []


def steps_of(uri: str, run: Any, key: str = "valid.income.auc") -> list[int]:
    """Returns the steps of a metric in the order in which MLflow got them."""
    return [m.step for m in client(uri).get_metric_history(run.info.run_id, key)]


def expect_whole(uri: str, trained: Training, epochs: int) -> None:
    """Expects that one MLflow run holds a whole run: epochs, scores and files."""
    found = runs_at(uri)
    expect(
        "MLflow holds one run, FINISHED", status(found) == ["FINISHED"], status(found)
    )
    steps = steps_of(uri, found[0])
    expect(
        f"it holds each of {epochs} epochs once",
        steps == [*range(1, epochs + 1)],
        steps,
    )
    scores = json.loads((trained.run / "metrics.json").read_text())
    final = found[0].data.metrics.get("final.test.income.auc")
    expect("it holds the final scores", final == scores["test"]["income"]["auc"], final)
    files = client(uri).list_artifacts(found[0].info.run_id)
    names = sorted(file.path for file in files)
    expect(f"its artifacts are {', '.join(FILES)}", names == FILES, names)
    model = client(uri).list_artifacts(found[0].info.run_id, "model")
    local = sorted(f"model/{path.name}" for path in (trained.run / "model").glob("*"))
    expect("the model folder is whole", [file.path for file in model] == local, model)


def status(runs: list[Any]) -> list[str]:
    return [run.info.status for run in runs]


def expect_quiet(trained: Training, warnings: int) -> None:
    """Expects a number of warnings, and no line of MLflow's own."""
    lines = trained.output.splitlines()
    told = [line for line in lines if "warning: tracker" in line]
    expect(
        f"the user sees {warnings} warnings of the tracker", len(told) == warnings, told
    )
    foreign = (
        "View run",
        "View experiment",
        "INFO",
        "WARNING",
        "Traceback",
        "Retrying",
    )
    theirs = [line for line in lines if any(word in line for word in foreign)]
    expect("no line of MLflow's own is on the terminal", not theirs, theirs)


def drill_absent(folder: Path) -> None:
    """The server is absent when the run starts."""
    uri = Server(folder).uri
    with training(folder, uri, "trainer.epochs=1") as trained:
        code, seconds = trained.wait()
    expect("exit code 2", code == 2, code)
    in_time = f"within {REFUSAL_SECONDS:.0f} s (here {seconds:.1f} s)"
    expect(in_time, seconds < REFUSAL_SECONDS, seconds)
    lines = trained.output.splitlines()
    expect("one line that names the server", len(lines) == 1 and uri in lines[0], lines)
    expect("no data was read", not (trained.run / "data_report.json").exists())


def drill_back(folder: Path) -> None:
    """The server is killed after the first epoch, and is back two epochs later."""
    with server(folder) as engine:
        with training(folder, engine.uri, "trainer.epochs=120") as trained:
            trained.wait_for("epoch 1/120")
            before = time.monotonic()
            engine.kill()
            after = trained.wait_for("epoch 3/120") - before
            expect(
                f"two epochs take {after:.1f} s without the server", after < 30, after
            )
            engine.start()
            code, _ = trained.wait()
        expect("exit code 0", code == 0, trained.output)
        expect_quiet(trained, warnings=1)
        expect_whole(engine.uri, trained, epochs=120)


def drill_hung(folder: Path) -> None:
    """The server hangs after the first epoch, and the run ends before it goes on."""
    with server(folder) as engine:
        with training(folder, engine.uri, "trainer.epochs=4") as trained:
            trained.wait_for("epoch 1/4")
            engine.send(signal.SIGSTOP)
            end = trained.wait_for("try next:")
            code, seconds = trained.wait()
            waited = trained.begin + seconds - end
        expect("exit code 0", code == 0, trained.output)
        expect(
            f"it waits at its end for 30 s (here {waited:.1f} s)", waited < 35, waited
        )
        expect_quiet(trained, warnings=2)
        last = trained.output.splitlines()[-1]
        told = "has not received everything" in last and "run folder" in last
        expect("the last line tells what is missing, and where it is", told, last)
        print(f"          {last}", flush=True)


def drill_resumed(folder: Path) -> None:
    """The server dies, the run is killed, and both are started again."""
    with server(folder) as engine:
        settings = (engine.uri, "trainer.epochs=5")
        with training(folder, *settings) as trained:
            trained.wait_for("epoch 1/5")
            engine.kill()
            trained.wait_for("epoch 3/5")
        engine.start()
        with training(folder, *settings) as trained:
            code, _ = trained.wait()
        expect("exit code 0", code == 0, trained.output)
        expect("it was resumed", "going on after" in trained.output, trained.output)
        expect_whole(engine.uri, trained, epochs=5)


def drill_store(folder: Path) -> None:
    """Three jobs create one SQLite store at once."""
    uri = f"sqlite:///{folder}/store.db"
    with (
        training(folder, uri, "trainer.epochs=1", name="first") as first,
        training(folder, uri, "trainer.epochs=1", name="second") as second,
        training(folder, uri, "trainer.epochs=1", name="third") as third,
    ):
        jobs = [first, second, third]
        codes = [job.wait()[0] for job in jobs]
    outputs = [job.output for job in jobs]
    expect("exit codes 0", codes == [0, 0, 0], (codes, outputs))
    for job in jobs:
        expect_quiet(job, warnings=0)
    found = runs_at(uri)
    expect(
        "the store holds three runs", status(found) == 3 * ["FINISHED"], status(found)
    )
    held = [steps_of(uri, run) for run in found]
    expect("each holds its epoch", held == 3 * [[1]], held)


def drill_password(folder: Path) -> None:
    """The address holds a user and a password, and the server asks for them."""
    with server(folder, "--app-name", "basic-auth") as engine:
        host = engine.uri.removeprefix("http://")
        wrong = f"http://{USER}:wrong-{PASSWORD}@{host}"
        with training(folder, wrong, "trainer.epochs=1", name="refused") as refused:
            code, _ = refused.wait()
        lines = refused.output.splitlines()
        expect("a wrong password is one line", len(lines) == 1 and code == 2, lines)
        print(f"          {lines[-1]}", flush=True)
        uri = engine.uri
        os.environ |= {"MLFLOW_TRACKING_USERNAME": USER}
        os.environ |= {"MLFLOW_TRACKING_PASSWORD": PASSWORD}
        typed = f"http://{USER}:{PASSWORD}@{host}"
        # The server takes seconds to check a password.
        slow = {"MLFLOW_HTTP_REQUEST_TIMEOUT": "60"}
        with training(folder, typed, "trainer.epochs=15", **slow) as trained:
            trained.wait_for("epoch 1/15")
            expect("the server is used", runs_at(uri), trained.output)
            engine.kill()
            code, _ = trained.wait()
        expect("exit code 0", code == 0, trained.output)
        expect_quiet(trained, warnings=2)
        told = [
            line
            for line in (trained.output + refused.output).splitlines()
            if PASSWORD in line and not line.startswith("try next:")
        ]
        expect("no message shows the password", not told, told)


DRILLS = [
    drill_absent,
    drill_back,
    drill_hung,
    drill_resumed,
    drill_store,
    drill_password,
]


def main() -> int:
    if shutil.which(os.environ.get("MLFLOW", "mlflow")) is None:
        print("The variable MLFLOW must hold the path of the command `mlflow`.")
        return 2
    # Ended by a signal, the drill still ends its servers.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    chosen = [drill for drill in DRILLS if drill.__name__[6:] in sys.argv[1:]] or DRILLS
    for drill in chosen:
        print(f"{drill.__name__[6:]}: {drill.__doc__}", flush=True)
        with tempfile.TemporaryDirectory(prefix="mlflow-drill-") as folder:
            try:
                drill(Path(folder))
            except (TimeoutError, subprocess.TimeoutExpired) as error:
                expect("the drill ends in time", False, error)
    return report()


if __name__ == "__main__":
    sys.exit(main())
