"""Stops runs of two processes at random moments, and starts each of them once again.

The promise: after SIGTERM, the same command on all machines resumes at its first try
and ends with the numbers of a run that was never interrupted. A finished run ends at
once, in every process.

    python tests/engines/multi_worker_drill.py [number of moments] [seed]
"""

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Container, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from helpers.interrupted_runs import assert_same_run
from promises import PATIENCE_SECONDS

from mtl_cli.distributed import cluster
from mtl_cli.distributed.child_processes import free_ports

COMMAND = [
    "dataset=synthetic_mmoe",
    "dataset.train_rows=3000",
    "dataset.test_rows=300",
    "dataset.dimensions=10",
    "model=mmoe",
    "model.num_experts=2",
    "model.expert_units=[16]",
    "model.dropout=0.1",
    "trainer.compile=false",
    "trainer.checkpoint_minutes=1e-9",
    "trainer.strategy=multi_worker",
]
# Epochs of one call end with every call; longer epochs have checkpoints within them.
SHAPES = {
    "one call an epoch": ["trainer.batch_size=64", "trainer.epochs=40"],
    "many calls an epoch": ["trainer.batch_size=8", "trainer.epochs=6"],
}
EPOCHS = {"one call an epoch": 40, "many calls an epoch": 6}
Processes = list[subprocess.Popen[str]]


def main(num_moments: int = 20, seed: int = 0) -> int:
    """Runs the drill; returns the number of broken promises."""
    rng, broken = random.Random(seed), 0
    with tempfile.TemporaryDirectory(prefix="multi-worker-drill-") as temporary:
        folder = Path(temporary)
        for shape in SHAPES:
            uninterrupted(folder, shape)
        for number in range(1, num_moments + 1):
            shape = list(SHAPES)[number % len(SHAPES)]
            stage = rng.choice(["start", *4 * ["training"], "end"])
            # A launcher signals all processes; a preemption may hit one of them. Before
            # the training, the others would wait for this one at the rendezvous.
            victims = rng.choice([[0, 1], [0, 1], [0], [1]])
            victims = [0, 1] if stage == "start" else victims
            moment = Moment(shape, stage, victims, rng.random())
            try:
                text = one_moment(folder, f"run-{number}", moment)
            except (AssertionError, subprocess.TimeoutExpired) as error:
                broken += 1
                text = f"BROKEN: {error}"
            print(f"{number:2} {moment.describe()}: {text}", flush=True)
    print(f"{num_moments - broken} of {num_moments} moments kept the promise")
    return broken


@dataclass(frozen=True)
class Moment:
    """When SIGTERM comes, and to which processes.

    Attributes:
        shape: a key of `SHAPES`.
        stage: `start`, before the first checkpoint; `training`; or `end`, after it.
        victims: the ranks of the processes that receive SIGTERM.
        share: where in the stage the signal comes, from 0 to 1.
    """

    shape: str
    stage: str
    victims: list[int]
    share: float

    def describe(self) -> str:
        """Returns the values in words."""
        return f"{self.shape}, {self.share:.0%} of {self.stage}, ranks {self.victims}"

    def wait(self, run: Path, processes: Processes) -> None:
        """Waits for the moment, or until a process has ended."""
        if self.stage == "start":
            wait_until(lambda: (run / "status.json").exists(), processes)
            seconds_to_training = 8.0
            time.sleep(self.share * seconds_to_training)
        elif self.stage == "training":
            epochs = EPOCHS[self.shape] * self.share
            wait_until(lambda: progress(run) >= epochs, processes)
            time.sleep(self.share * 10 % 1 * 0.1)  # anywhere in the next calls
        else:
            wait_until(lambda: progress(run) >= EPOCHS[self.shape], processes)
            time.sleep(self.share * 1.5)


def progress(run: Path) -> float:
    """Returns how many epochs the newest checkpoint holds; a half for a part of one."""
    names = [path.stem.split("-") for path in (run / "checkpoints").glob("[0-9]*.npz")]
    done = [int(epochs) + 0.5 * (int(steps) > 0) for epochs, _, steps, _ in names]
    return max(done, default=-1)


def uninterrupted(folder: Path, shape: str) -> None:
    """Runs a command without interruption, and again when it is finished."""
    for state in ("new", "finished"):
        start = time.monotonic()
        with started(folder, shape, shape) as processes:
            check_ends(processes, {0})
        print(f"{shape}, {state} run: {time.monotonic() - start:.1f} s", flush=True)


def one_moment(folder: Path, name: str, moment: Moment) -> str:
    """Interrupts a run once, starts it again, and compares it.

    Args:
        folder: the folder of all runs; the uninterrupted run is in it.
        name: the name of the run's folder.
        moment: when the run is interrupted.
    """
    run = folder / name
    with started(folder, moment.shape, name) as processes:
        moment.wait(run, processes)
        for rank in moment.victims:
            processes[rank].send_signal(signal.SIGTERM)
        start = time.monotonic()
        # A process whose chief stops after the training is told that the chief is lost.
        codes = check_ends(
            processes, {0, 143} | ({1} if moment.stage == "end" else set())
        )
        seconds = time.monotonic() - start
    stopped_at = max((p.stem for p in (run / "checkpoints").glob("*")), default="none")
    start = time.monotonic()
    with started(folder, moment.shape, name) as processes:
        check_ends(processes, {0})
    again = time.monotonic() - start
    assert_same_run(run, folder / moment.shape)
    return (
        f"exit codes {codes} in {seconds:.1f} s, checkpoint {stopped_at}; "
        f"again {again:.1f} s, same numbers"
    )


@contextmanager
def started(folder: Path, shape: str, name: str) -> Iterator[Processes]:
    """Starts two processes of a run, and leaves none behind."""
    workers = [f"127.0.0.1:{port}" for port in free_ports(2)]
    command = [sys.executable, "-m", "mtl_cli.cli.train", *COMMAND, *SHAPES[shape]]
    processes = [
        subprocess.Popen(
            [*command, f"hydra.run.dir='{name}'"],
            cwd=folder,
            env=os.environ | {cluster.TF_CONFIG: cluster.tf_config(workers, rank)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    try:
        yield processes
    finally:
        for process in processes:
            process.kill()
            process.communicate()


def wait_until(condition: Callable[[], bool], processes: Processes) -> None:
    """Waits until a condition is true, or one of the processes has ended."""
    while all(process.poll() is None for process in processes) and not condition():
        time.sleep(0.005)


def check_ends(processes: Processes, expected: Container[int]) -> list[int]:
    """Waits for processes, and checks that they end well and say at most one line."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    codes = []
    for rank, process in enumerate(processes):
        _, err = process.communicate(timeout=max(0.1, deadline - time.monotonic()))
        codes.append(process.returncode)
        said = json.dumps({"rank": rank, "code": process.returncode, "stderr": err})
        assert process.returncode in expected, said
        assert err.count("\n") == (process.returncode != 0), said
    return codes


if __name__ == "__main__":
    sys.exit(min(1, main(*map(int, sys.argv[1:]))))
