"""A Ray cluster of one machine, which uses loopback only."""

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from mtl_cli.distributed.child_processes import free_ports

RAY_PYTHON = os.environ.get("RAY_PYTHON", sys.executable)


@contextlib.contextmanager
def ray_head(folder: Path) -> Iterator[str]:
    """Runs a cluster of two processors, and yields its address."""
    (port,) = free_ports(1)
    head = ["start", "--head", "--block", f"--port={port}", f"--temp-dir={folder}"]
    head += ["--node-ip-address=127.0.0.1", "--include-dashboard=false"]
    head.append("--num-cpus=2")
    process = started(folder, str(Path(RAY_PYTHON).with_name("ray")), *head)
    try:
        while b"runtime started" not in (folder / "log").read_bytes():
            assert process.poll() is None, (folder / "log").read_text()
            time.sleep(0.5)
        yield f"127.0.0.1:{port}"
    finally:
        end(process)


def ray_environment(folder: Path) -> dict[str, str]:
    """Returns the variables that keep Ray's files, such as its token, in a folder."""
    home = {"HOME": str(folder), "RAY_TMPDIR": str(folder)}
    return home | {"RAY_USAGE_STATS_ENABLED": "0"}


def started(folder: Path, *command: str, **environment: str) -> subprocess.Popen[bytes]:
    """Starts a program, whose output goes to the file `log`."""
    variables = os.environ | ray_environment(folder) | environment
    with (folder / "log").open("ab") as log:
        return subprocess.Popen(command, env=variables, stdout=log, stderr=log)


def end(process: subprocess.Popen[bytes]) -> None:
    """Ends a program; processes that Ray has started end with it."""
    process.terminate()
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def parent(pid: int) -> int:
    """Returns the id of the process that has started a process."""
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
