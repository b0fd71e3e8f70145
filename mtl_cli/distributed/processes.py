"""Processes that one run starts on its own machine, to train with it."""

import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from mtl_cli.distributed import cluster


def started(run: Path, count: int) -> list[subprocess.Popen[str]]:
    """Starts so many processes but one, this one, and names them all in `TF_CONFIG`.

    Args:
        run: the run folder, whose configuration they run.
        count: of processes.
    """
    workers = [f"127.0.0.1:{port}" for port in free_ports(count)]
    command = [sys.executable, "-m", "mtl_cli.cli.train", "--config-path", str(run)]
    command += ["--config-name", "config", "trainer.strategy=multi_worker"]
    # Which it does not write to; another would be made anew, and left.
    command.append(f"hydra.run.dir={quoted(run.resolve())}")
    helpers = [
        subprocess.Popen(
            command,
            env=os.environ | {cluster.TF_CONFIG: cluster.configured(workers, index)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        for index in range(1, count)
    ]
    os.environ[cluster.TF_CONFIG] = cluster.configured(workers, 0)
    return helpers


def words(helpers: Sequence[subprocess.Popen[str]]) -> str:
    """Returns what the first process that has ended said at last; "" if none has."""
    for helper in helpers:
        if helper.poll() is not None:
            said = helper.communicate()[1].strip().splitlines()
            return f" ({said[-1] if said else f'exit code {helper.returncode}'})"
    return ""


def end(helpers: Sequence[subprocess.Popen[str]]) -> None:
    """Ends processes that this one has started: at once, or when it has gone itself."""
    for helper in helpers:
        helper.terminate()


def quoted(path: Path) -> str:
    """Returns a path as a value of Hydra's command line."""
    return "'" + str(path).replace("'", r"\'") + "'"


def free_ports(count: int) -> list[int]:
    """Returns ports of this machine that nobody listens on."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports
