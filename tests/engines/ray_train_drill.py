"""Loses a worker of `examples/ray_train.py`: Ray Train starts all again, exactly.

    RAY_PYTHON=ENVIRONMENT/bin/python python tests/engines/ray_train_drill.py

The environment has mtl-cli and `ray[train]`.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from helpers.interrupted_runs import assert_same_run
from ray_head import RAY_PYTHON, end, parent, ray_head, started

from mtl_cli.distributed import cluster
from mtl_cli.distributed.child_processes import free_ports

EXAMPLE = Path(__file__).parents[2] / "examples" / "ray_train.py"
LIMIT_SECONDS = 900
SETTINGS = [
    "dataset=synthetic_mmoe",
    "dataset.train_rows=3000",
    "dataset.test_rows=300",
    "dataset.dimensions=10",
    "model=mmoe",
    "model.num_experts=2",
    "model.expert_units=[16]",
    "trainer.compile=false",
    "trainer.checkpoint_minutes=1e-9",
    "trainer.batch_size=8",
    "trainer.epochs=12",
]


def main() -> None:
    """Runs the drill; a broken promise raises an error."""
    with tempfile.TemporaryDirectory(prefix="ray-") as temporary:
        folder = Path(temporary)
        run_without_ray(folder)
        with ray_head(folder) as address:
            lose_a_worker(folder, address)


def lose_a_worker(folder: Path, address: str) -> None:
    """Kills a worker of the example while it trains, and runs the example again."""
    run = folder / "run"
    command = [RAY_PYTHON, str(EXAMPLE), "2", *SETTINGS, f"hydra.run.dir={run}"]
    for state in ("new", "finished"):
        start = time.monotonic()
        process = started(folder, *command, RAY_ADDRESS=address)
        try:
            if state == "new":
                while not any((run / "checkpoints").glob("[0-9]*")):
                    assert process.poll() is None, (folder / "log").read_text()
                    time.sleep(0.05)
                os.kill(ray_worker_of(run), signal.SIGKILL)
            assert process.wait(LIMIT_SECONDS) == 0, (folder / "log").read_text()
        finally:
            end(process)
        print(f"the {state} run: {time.monotonic() - start:.0f} s", flush=True)
        assert_same_run(run, folder / "whole")
    assert "going on after" in (run / "train.log").read_text()


def run_without_ray(folder: Path) -> None:
    """Trains the same run in two processes without interruption."""
    workers = [f"127.0.0.1:{port}" for port in free_ports(2)]
    command = [RAY_PYTHON, "-m", "mtl_cli.cli.train", "trainer.strategy=multi_worker"]
    processes = [
        subprocess.Popen(
            [*command, *SETTINGS, f"hydra.run.dir={folder / 'whole'}"],
            env=os.environ | {cluster.TF_CONFIG: cluster.tf_config(workers, rank)},
            stdout=subprocess.DEVNULL,
        )
        for rank in range(2)
    ]
    assert [process.wait(LIMIT_SECONDS) for process in processes] == [0, 0]


def ray_worker_of(run: Path) -> int:
    """Returns the pid of the Ray worker that has started the chief's process."""
    pid = json.loads((run / "status.json").read_text())["pid"]
    return parent(pid)


if __name__ == "__main__":
    main()
