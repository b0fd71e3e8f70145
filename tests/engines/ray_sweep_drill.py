"""Disturbs sweeps on Ray: each ends with the numbers of a sweep that was left alone.

    ENVIRONMENT/bin/python tests/engines/ray_sweep_drill.py

The environment has mtl-cli with the extra `ray`.
"""

import os
import signal
import sys
import tempfile
from pathlib import Path

from promises import PATIENCE_FACTOR, expect, report, wait_until
from ray_head import parent, ray_environment, ray_head
from small_sweeps import Sweep, differences, make_data, records, run, states

from mtl_cli.core.run_status import has_ended

JOBS = ["-m", "seed=1,2,3", "trainer.epochs=150", "trainer.batch_size=4"]
RAY = ["hydra/launcher=ray"]
Environment = dict[str, str]


def drill_killed_worker(folder: Path, environment: Environment) -> None:
    sweep, pids = sweep_with_saved_job(folder, "worker", environment)
    # The job is a fork of a server, which the worker has started.
    os.kill(parent(parent(pids[0])), signal.SIGKILL)
    sweep.end()
    expect("Ray starts the job of a killed worker again", sweep.code == 0, sweep.shown)
    expect_undisturbed_numbers(folder, "worker")


def drill_ctrl_c(folder: Path, environment: Environment) -> None:
    sweep, _ = sweep_with_saved_job(folder, "ctrl-c", environment)
    sweep.process.send_signal(signal.SIGINT)
    sweep.end()
    expect("Ctrl-C ends with exit 130", sweep.code == 130, sweep.shown)
    lines = [line for line in sweep.err.splitlines() if line.startswith("mtl-train")]
    counted = "interrupted; jobs: 2 interrupted; to go on: " in lines[0]
    expect("one line counts the jobs", len(lines) == 1 and counted, lines)
    ends = states(folder / "ctrl-c")
    expect("the running jobs save", ends == ["interrupted"] * 2, ends)
    resume(folder, "ctrl-c", environment)


def drill_killed_sweep(folder: Path, name: str, environment: Environment) -> None:
    sweep, pids = sweep_with_saved_job(folder, name, environment)
    sweep.process.kill()
    sweep.end()
    wait_until(lambda: all(map(has_ended, pids)), 60 * PATIENCE_FACTOR)
    expect("the jobs end with a killed sweep", True)
    resume(folder, name, environment)


def sweep_with_saved_job(
    folder: Path, name: str, environment: Environment
) -> tuple[Sweep, list[int]]:
    """Starts a sweep, waits until two jobs have saved, and returns also their pids."""
    sweep = Sweep(folder, *JOBS, *RAY, f"hydra.sweep.dir={name}", **environment)
    checkpoints = "*/checkpoints/[0-9]*"
    wait_until(lambda: len({p.parent for p in (folder / name).glob(checkpoints)}) > 1)
    return sweep, [record["pid"] for record in records(folder / name) if record["pid"]]


def resume(folder: Path, name: str, environment: Environment) -> None:
    """Expects that the same command ends as an undisturbed sweep does."""
    again = run(folder, *JOBS, *RAY, f"hydra.sweep.dir={name}", **environment)
    expect("the same command does the rest", again.code == 0, again.shown)
    expect_undisturbed_numbers(folder, name)


def expect_undisturbed_numbers(folder: Path, name: str) -> None:
    logs = [path.read_text() for path in (folder / name).glob("*/train.log")]
    resumed = any("going on after" in text for text in logs)
    expect("a disturbed job resumes from its checkpoint", resumed)
    found = differences(folder / name, folder / "undisturbed")
    expect("all numbers are those of an undisturbed sweep", not found, found)


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="ray-") as name:
        folder = Path(name, "work")
        folder.mkdir()
        make_data(folder)
        whole = run(folder, *JOBS, "hydra.sweep.dir=undisturbed")
        expect("a sweep without Ray ends", whole.code == 0, whole.shown)
        own = ray_environment(Path(name))
        with ray_head(Path(name)) as address:
            shared = own | {"RAY_ADDRESS": address}
            drill_killed_worker(folder, shared)
            drill_ctrl_c(folder, shared)
            drill_killed_sweep(folder, "killed", shared)
        # Without an address, the sweep starts a Ray of its own.
        drill_killed_sweep(folder, "killed-with-its-ray", own)
    return report()


if __name__ == "__main__":
    sys.exit(main())
