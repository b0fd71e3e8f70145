"""Searches with a PostgreSQL that is absent, silent, shared, stopped or restarted.

One search gives a wrong password.

The extras `hpo` and `postgresql` are needed, and the commands `initdb` and `postgres`;
the variable POSTGRESQL may name their folder. PostgreSQL refuses to run as root: for
root, it runs as the user `postgres` or `nobody`.
"""

import contextlib
import os
import pwd
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import optuna
import psycopg2
from promises import PATIENCE_FACTOR, REFUSAL_SECONDS, expect, report, wait_until
from small_sweeps import Sweep, make_data, run, states

from mtl_cli.distributed.child_processes import free_ports

PASSWORD = "pass-w0rd"
optuna.logging.set_verbosity(optuna.logging.ERROR)


class Server:
    """A PostgreSQL on 127.0.0.1 with its data in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (self.port,) = free_ports(1)
        self.user: dict[str, Any] = {}
        if os.geteuid() == 0:
            names = {entry.pw_name for entry in pwd.getpwall()}
            user = pwd.getpwnam("postgres" if "postgres" in names else "nobody")
            self.user = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
            os.chown(folder, user.pw_uid, user.pw_gid)
        found = shutil.which("postgres") or "/usr/lib/postgresql/15/bin/postgres"
        self.commands = Path(os.environ.get("POSTGRESQL", Path(found).resolve().parent))
        password = folder / "password"
        password.write_text(PASSWORD)
        password.chmod(0o644)
        command = ["initdb", "-D", "data", "-U", "searcher", "-A", "password"]
        self.run(*command, "--no-sync", f"--pwfile={password}")
        self.process: subprocess.Popen[bytes] | None = None

    def run(self, command: str, *arguments: str) -> None:
        subprocess.run(
            [self.commands / command, *arguments],
            cwd=self.folder,
            check=True,
            stdout=subprocess.DEVNULL,
            **self.user,
        )

    def url(self, name: str = "postgres") -> str:
        return f"postgresql://searcher:{PASSWORD}@127.0.0.1:{self.port}/{name}"

    def start(self) -> None:
        options = ["-D", "data", "-p", str(self.port), "-h", "127.0.0.1", "-F"]
        self.process = subprocess.Popen(
            [self.commands / "postgres", *options, "-k", self.folder],
            cwd=self.folder,
            stderr=(self.folder / "log").open("ab"),
            **self.user,
        )
        wait_until(self.answers)

    def answers(self) -> bool:
        with contextlib.suppress(Exception):
            self.connect().close()
            return True
        return False

    def connect(self) -> Any:
        return psycopg2.connect(self.url(), connect_timeout=2)

    def create(self, name: str) -> str:
        """Creates an empty database, and returns its URL."""
        connection = self.connect()
        connection.autocommit = True
        connection.cursor().execute(f"create database {name}")
        connection.close()
        return self.url(name)

    def stop(self) -> None:
        """Stops the server at once, as a power cut does."""
        if self.process is not None:
            self.process.send_signal(3)  # SIGQUIT: immediate shutdown
            self.process.wait()
            self.process = None


def search(url: str, folder: str, num_trials: int, *more: str) -> list[str]:
    """Returns the arguments of a search for a dropout."""
    return [
        "sweep=dropouts",
        f"hydra.sweeper.storage='{url}'",
        f"hydra.sweep.dir={folder}",
        f"hydra.sweeper.n_trials={num_trials}",
        "sweep.jobs=1",
        *more,
    ]


def make_search(folder: Path) -> None:
    make_data(folder)
    (folder / "conf" / "sweep").mkdir()
    (folder / "conf" / "sweep" / "dropouts.yaml").write_text(
        "# @package _global_\n"
        "defaults: [override /hydra/sweeper: optuna]\n"
        "hydra:\n"
        "  mode: MULTIRUN\n"
        "  sweeper:\n"
        "    {study_name: search, direction: maximize, n_jobs: 2, "
        "max_failure_rate: 1.0,\n"
        "     sampler: {seed: 1}, params: {model.dropout: 'interval(0.0, 0.5)'}}\n"
    )


def trials(url: str) -> list[Any]:
    return optuna.load_study(study_name="search", storage=url).trials


def running(url: str) -> list[Any]:
    """Returns the running trials that have their points; none before the tables."""
    with contextlib.suppress(Exception):
        return [t for t in trials(url) if t.state.name == "RUNNING" and t.params]
    return []


def dropouts(url: str) -> list[float]:
    return [t.params["model.dropout"] for t in trials(url) if t.params]


def count(url: str, state: str) -> int:
    return [t.state.name for t in trials(url)].count(state)


def expect_refusal(what: str, ended: Sweep, port: int) -> None:
    is_quick = ended.code == 2 and ended.seconds < REFUSAL_SECONDS
    in_time = f"within {REFUSAL_SECONDS:.0f} s ({ended.seconds:.0f})"
    expect(f"{what}: exit 2 {in_time}", is_quick, ended.shown)
    is_named = f"127.0.0.1:{port}/" in ended.err and PASSWORD not in ended.err
    is_line = ended.err.count("\n") == 1 and is_named
    expect(f"{what}: one line names the database", is_line, ended.err)
    print(f"          {ended.err.strip()}")


def drill_absent(folder: Path, server: Server) -> None:
    ended = run(folder, *search(server.url("absent"), "absent", 2))
    expect_refusal("no such database", ended, server.port)
    (port,) = free_ports(1)
    url = f"postgresql://searcher:{PASSWORD}@127.0.0.1:{port}/search"
    expect_refusal("no server", run(folder, *search(url, "absent", 2)), port)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        port = silent.getsockname()[1]
        url = f"postgresql://searcher:{PASSWORD}@127.0.0.1:{port}/search"
        ended = run(folder, *search(url, "absent", 2))
        expect_refusal("a server that never answers", ended, port)


def drill_password(folder: Path, server: Server) -> None:
    url = server.url().replace(PASSWORD, f"wrong-{PASSWORD}")
    ended = run(folder, *search(url, "refused", 2))
    expect_refusal("a wrong password", ended, server.port)
    holders = [
        path
        for path in folder.rglob("*")
        if path.is_file() and PASSWORD in path.read_text(errors="replace")
    ]
    expect("no file holds the password", not holders, holders)


def drill_first_starts(folder: Path, server: Server) -> None:
    url = server.create("first_starts")
    sweeps = [
        Sweep(folder, *search(url, name, 3, "trainer.epochs=1")) for name in "abc"
    ]
    for sweep in sweeps:
        sweep.end()
        expect("a first start at once ends well", sweep.code == 0, sweep.shown)
    points = dropouts(url)
    expect("each start makes n_trials", count(url, "COMPLETE") == 9, trials(url))
    expect("no point is tried twice", len(set(points)) == len(points), points)


def drill_killed(folder: Path, server: Server) -> None:
    url = server.create("killed")
    arguments = search(url, "killed", 3, "trainer.epochs=60")
    with killed_with_two_trials(folder, url, arguments) as cut_off:
        again = run(folder, *arguments)
    expect("a killed start resumes", again.code == 0, again.shown)
    completed = [t for t in trials(url) if t.state.name == "COMPLETE"]
    expect("the start makes n_trials in all", len(completed) == 3, trials(url))
    points = {t.params["model.dropout"] for t in completed}
    expect("the points that were cut off are tried again", cut_off <= points, points)
    expect("no trial is left running", count(url, "RUNNING") == 0, trials(url))
    others = [t.params["model.dropout"] for t in completed]
    expect("no other point is tried twice", len(set(others)) == 3, others)


def drill_other_machine(folder: Path, server: Server) -> None:
    url = server.create("other_machine")
    arguments = search(url, "dead", 2, "trainer.epochs=9999")
    with killed_with_two_trials(folder, url, arguments) as cut_off:
        pass
    # Six trials of half a minute or more: dead starts are found after a minute.
    alive = search(url, "alive", 6, "trainer.epochs=500")
    sweep = Sweep(folder, *alive).end(500 * PATIENCE_FACTOR)
    expect("the other start ends well", sweep.code == 0, sweep.shown)
    completed = [t for t in trials(url) if t.state.name == "COMPLETE"]
    points = {t.params["model.dropout"] for t in completed}
    text = f"another start tries the points of a dead start ({sweep.seconds:.0f} s)"
    expect(text, cut_off <= points, trials(url))
    expect("no trial is left running", count(url, "RUNNING") == 0, trials(url))


@contextlib.contextmanager
def killed_with_two_trials(
    folder: Path, url: str, arguments: list[str]
) -> Iterator[set[float]]:
    """Kills a search with two running trials; gives their points."""
    sweep = Sweep(folder, *arguments)
    wait_until(lambda: len(running(url)) == 2)
    wait_until(lambda: any(folder.glob(f"{arguments[2].split('=')[1]}/*/status.json")))
    sweep.process.kill()
    sweep.end()
    yield {trial.params["model.dropout"] for trial in running(url)}


def drill_stopped(folder: Path, server: Server) -> None:
    url = server.create("stopped")
    arguments = search(url, "stopped", 4, "trainer.epochs=60")
    sweep = Sweep(folder, *arguments)
    wait_until(lambda: any((folder / "stopped").glob("*/status.json")))
    server.stop()
    sweep.end()
    name = f"127.0.0.1:{server.port}/stopped"
    expect("a lost database: exit 1", sweep.code == 1, sweep.shown)
    is_line = sweep.err.count("\n") == 1 and name in sweep.err
    expect("one line names it", is_line and PASSWORD not in sweep.err, sweep.err)
    print(f"          {sweep.err.strip()}")
    kept = states(folder / "stopped")
    expect("running jobs finish", set(kept) == {"done"} and kept, kept)
    server.start()
    again = run(folder, *arguments)
    expect("the same command resumes the search", again.code == 0, again.shown)
    skipped = again.out.count("skipped, done before")
    expect("the kept jobs do not run again", skipped == len(kept), again.out)
    expect("all trials are complete", count(url, "COMPLETE") == 4, trials(url))


def drill_restarted(folder: Path, server: Server) -> None:
    url = server.create("restarted")
    sweep = Sweep(folder, *search(url, "restarted", 4, "trainer.epochs=60"))
    wait_until(lambda: any((folder / "restarted").glob("*/status.json")))
    server.stop()
    server.start()
    sweep.end()
    expect("a restart between two calls goes unseen", sweep.code == 0, sweep.shown)


DRILLS = {
    "absent": drill_absent,
    "password": drill_password,
    "first_starts": drill_first_starts,
    "killed": drill_killed,
    "stopped": drill_stopped,
    "restarted": drill_restarted,
    "other_machine": drill_other_machine,
}


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="postgresql-drill-") as name:
        Path(name).chmod(0o755)
        cluster, folder = Path(name, "cluster"), Path(name, "work")
        cluster.mkdir()
        folder.mkdir()
        make_search(folder)
        server = Server(cluster)
        server.start()
        try:
            for drill in sys.argv[1:] or DRILLS:
                print(drill, flush=True)
                DRILLS[drill](folder, server)
        finally:
            server.stop()
    return report()


if __name__ == "__main__":
    sys.exit(main())
