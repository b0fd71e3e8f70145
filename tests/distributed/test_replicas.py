"""Several processes train one network as one process would, and end together."""

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf
from helpers import replica_process
from helpers.commands import Process, mtl_train, start_mtl_train, wait_for
from helpers.epochs import epoch
from helpers.interrupted_runs import SMALL, assert_same_run
from helpers.networks import config

from mtl_cli.config.overrides import quoted
from mtl_cli.config.trainer import Length
from mtl_cli.core import signals
from mtl_cli.core.errors import ConfigError
from mtl_cli.data.table import Table
from mtl_cli.distributed import cluster, connect
from mtl_cli.distributed.child_processes import free_ports
from mtl_cli.distributed.connect import choose_gpu
from mtl_cli.distributed.replicas import Replicas, rows_per_process
from mtl_cli.training.feed import MemoryFeed, StreamFeed
from mtl_cli.training.progress import Progress
from mtl_cli.training.state import TrainingState
from mtl_cli.training.steps import reseed
from mtl_cli.training.train import is_over, train_epoch

NO_COMPILE = "trainer.compile=false"
# 450 training rows, 8 steps. The last batch has 2 rows: only one process has any.
# No average of weights, which the chief alone has.
FEW = [
    "dataset.train_rows=500",
    "dataset.test_rows=50",
    "trainer.batch_size=64",
    "trainer.epochs=2",
    "trainer.ema_decay=0",
]
TINY = ["model=mmoe", "model.expert_units=[16]", *FEW]
DENSE = ["dataset=synthetic_mmoe", *TINY]
# Few rows have labels, so a process often has no label in its share. Rounding must not
# change the outcome. So the optimizer is SGD, as Adam divides even a gradient that is
# mere rounding by its size, and the activation is tanh, as relu has a kink at 0.
LAZY = [
    "dataset=funnel",
    "dataset.group=clicked",
    *TINY,
    "optimizer=sgd",
    "optimizer.learning_rate=0.1",
    "optimizer.lazy=true",
    "model.activation=tanh",
]
QUICK = {"dense": [*DENSE, NO_COMPILE], "lazy": [*LAZY, NO_COMPILE]}
AVERAGE = {"average": [*DENSE, NO_COMPILE, "trainer.ema_decay=0.7"]}
EXACT = {
    "compiled": [*DENSE, "trainer.compile=true"],
    "compiled lazy": [*LAZY, "trainer.compile=true"],
    "clipped": [*DENSE, NO_COMPILE, "optimizer.clip_norm=0.1", "model.l2=0.01"],
    "clipped lazy": [
        *LAZY,
        NO_COMPILE,
        "optimizer.clip_norm=0.1",
        "model.l2=0.01",
        "encoder.l2_embedding=0.01",
    ],
    "escm2": [
        *[*FEW, "dataset=funnel", "model=esmm", "model.heads=escm2"],
        *["optimizer=sgd", NO_COMPILE],
    ],
    # The penalties of rows are sums over the rows of all processes.
    "penalties": [*DENSE, NO_COMPILE, "model.num_experts=6", "model.gate=dselect_k"],
    "balancing": [*DENSE, NO_COMPILE, "optimizer=sgd", "balancing=cagrad"],
    "balancing lazy": [*LAZY, "balancing=gradnorm", "trainer.compile=true"],
    "balancing losses": [*DENSE, NO_COMPILE, "balancing=uncertainty"],
    "patience": [*DENSE, NO_COMPILE, "trainer.patience=1", "trainer.epochs=4"],
}
# Variants in which a single process gets other numbers, since it draws other dropout
# masks, normalises over other rows, or reads the rows in another order.
DIFFERENT_ALONE = {
    "dropout": [*DENSE, NO_COMPILE, "model.dropout=0.3"],
    "batch_norm": [*DENSE, NO_COMPILE, "model.batch_norm=true"],
    "stream": [*LAZY, NO_COMPILE, "+dataset.stream=true", "dataset.train_rows=20000"],
}


STARTED: list[Process | subprocess.Popen[str]] = []


@pytest.fixture(autouse=True)
def _nothing_is_left_running():
    yield
    while STARTED:
        process = STARTED.pop()
        process.kill()
        process.communicate()


def worker_environments(size: int = 2) -> list[dict[str, str]]:
    """Returns the environment variables of each of `size` workers."""
    workers = [f"127.0.0.1:{port}" for port in free_ports(size)]
    return [{cluster.TF_CONFIG: cluster.tf_config(workers, i)} for i in range(size)]


def train_together_and_alone(
    folder: Path, variants: dict[str, list[str]]
) -> dict[str, list]:
    """Trains each variant with two processes and with one.

    Returns: {variant: results of the chief, the worker and the single process}.
    """
    configurations = folder / "configurations.json"
    configurations.write_text(json.dumps(list(variants.values())))
    names = ["chief", "worker"]
    processes = [
        subprocess.Popen(
            [
                sys.executable,
                "-m",
                "helpers.replica_process",
                configurations,
                folder / name,
            ],
            env=os.environ | environment | {"PYTHONPATH": os.pathsep.join(sys.path)},
            stderr=subprocess.PIPE,
            text=True,
        )
        for name, environment in zip(names, worker_environments(), strict=True)
    ]
    ended = [(p.communicate()[1], p.returncode) for p in processes]
    assert [code for _, code in ended] == [0, 0], ended
    results = {}
    for i, (variant, overrides) in enumerate(variants.items()):
        together = [dict(np.load(folder / name / f"{i}.npz")) for name in names]
        alone = replica_process.trained(overrides, Replicas())
        results[variant] = [*together, alone]
    return results


def assert_same_weights(chief, worker):
    for name, x in chief.items():
        if name.startswith("weights"):
            np.testing.assert_array_equal(x, worker[name], name, strict=True)


def assert_same_as_alone(chief, alone):
    # A float32 sum of two halves differs from a single sum by a relative 1e-7. The
    # difference grows to 1e-6 over these few steps, and without bound in long runs.
    np.testing.assert_allclose(chief["losses"], alone["losses"], rtol=1e-5, atol=1e-7)
    for name, x in chief.items():
        if name.startswith("weights"):
            np.testing.assert_allclose(x, alone[name], rtol=1e-4, atol=2e-6)


@pytest.mark.slow
def test_two_processes_compute_what_one_does(tmp_path):
    results = train_together_and_alone(tmp_path, QUICK)
    for variant, (chief, worker, alone) in results.items():
        assert len(chief["losses"]) == 16, variant
        assert_same_weights(chief, worker)
        assert_same_as_alone(chief, alone)


@pytest.mark.slow
def test_the_chief_ends_with_the_average_of_a_single_process(tmp_path):
    results = train_together_and_alone(tmp_path, AVERAGE)
    chief, _, alone = results["average"]
    assert_same_as_alone(chief, alone)


@pytest.mark.slow
def test_two_processes_compute_what_one_does_with_every_option(tmp_path):
    results = train_together_and_alone(tmp_path, EXACT)
    for chief, worker, alone in results.values():
        assert_same_weights(chief, worker)
        assert_same_as_alone(chief, alone)


@pytest.mark.slow
def test_two_processes_keep_equal_weights_where_one_process_learns_others(tmp_path):
    results = train_together_and_alone(tmp_path, DIFFERENT_ALONE)
    for variant, (chief, worker, alone) in results.items():
        assert_same_weights(chief, worker)
        assert not np.allclose(chief["losses"][1:], alone["losses"][1:], 1e-5), variant


def test_dropout_masks_differ_between_processes():
    model = tf.keras.Sequential([tf.keras.layers.Dropout(0.5)])
    masks = []
    for rank in (0, 1, 0):
        reseed(model, [1, 1, 0, rank])
        masks.append(model(tf.ones((1, 100)), training=True).numpy())
    assert (masks[0] != masks[1]).any()
    np.testing.assert_array_equal(masks[0], masks[2])


def table(rows: int) -> Table:
    """Returns rows whose feature, label and weight are the row's number."""
    number = np.arange(rows, dtype="int32")
    column = number.astype("float32")
    return Table({"ids": number[:, None]}, {"y": column}, {"y": column})


@pytest.mark.parametrize("rows", [64, 65, 95, 97, 127])
def test_shares_of_a_batch_in_memory_are_the_batch(rows):
    (whole,) = MemoryFeed(table(rows), ["y"]).buffers(3, 1, 32)
    shares = [
        next(iter(MemoryFeed(table(rows), ["y"], (i, 2)).buffers(3, 1, 32)))
        for i in range(2)
    ]
    assert {share.num_steps for share in shares} == {whole.num_steps}
    for step in range(whole.num_steps):
        batch = whole.order[: whole.num_rows][step * 32 : (step + 1) * 32]
        parts = [
            share.order[: share.num_rows][step * 16 : (step + 1) * 16]
            for share in shares
        ]
        np.testing.assert_array_equal(np.concatenate(parts), batch)


@pytest.mark.parametrize(("rows", "of"), [(9000, 2), (9001, 2), (30_011, 3)])
def test_shares_of_streamed_rows_are_disjoint_and_omit_fewer_rows_than_processes(
    rows, of
):
    class Stored:
        def __init__(self):
            self.num_rows = rows

        def read(self, start, end):
            return table(rows).read(start, end)

    seen, steps = [], set()
    for i in range(of):
        buffers = list(StreamFeed(Stored(), ["y"], (i, of)).buffers(3, 1, 60))
        seen += [s.data[0]["ids"].numpy()[s.order, 0] for s in buffers]
        steps.add(sum(s.num_steps for s in buffers))
    numbers = np.concatenate(seen)
    assert len(np.unique(numbers)) == len(numbers) == rows - rows % of
    assert len(steps) == 1


def test_each_process_of_a_machine_takes_a_gpu_of_its_own(monkeypatch):
    visible = []
    monkeypatch.setattr(connect, "gpus", lambda: ["gpu0", "gpu1"])
    monkeypatch.setattr(
        tf.config, "set_visible_devices", lambda gpu, kind: visible.append((gpu, kind))
    )
    for index in range(4):
        choose_gpu(["a:1", "b:1", "a:2", "b:2"], index)
    assert visible == [(gpu, "GPU") for gpu in ("gpu0", "gpu0", "gpu1", "gpu1")]


def test_batch_that_processes_cannot_share_evenly_is_refused():
    with pytest.raises(ConfigError, match=r"3 processes cannot share 512 .*=513"):
        rows_per_process(512, 9999, 3)
    assert rows_per_process(512, 9999, 4) == 128
    assert rows_per_process(512, 100, 3) == 34  # a batch of all rows is rounded up


def start_workers(folder, *arguments, environments=None):
    """Starts commands that train together: one per environment, two by default.

    Returns: the processes, chief first.
    """
    command = ["trainer.strategy=multi_worker", *arguments]
    processes = [
        start_mtl_train(folder, *command, **environment)
        for environment in environments or worker_environments()
    ]
    STARTED.extend(processes)
    return processes


def outcomes(processes):
    """Waits for processes; returns exit code, stdout and stderr of each."""
    outputs = [process.communicate(timeout=120) for process in processes]
    return [(p.returncode, *x) for p, x in zip(processes, outputs, strict=True)]


def wait_until_training(process, run):
    """Waits until a run has written a new checkpoint."""
    before = set((run / "checkpoints").glob("[0-9]*"))
    assert wait_for(process, lambda: set((run / "checkpoints").glob("[0-9]*")) - before)


@pytest.mark.slow
def test_killed_process_ends_all_and_the_same_command_resumes(tmp_path):
    command = [*SMALL, "trainer.epochs=2"]
    chief, worker = outcomes(start_workers(tmp_path, *command, "hydra.run.dir=whole"))
    assert (chief[0], worker[0]) == (0, 0), (chief, worker)
    assert worker[1:] == ("", "")
    assert "run folder: whole" in chief[1]
    assert chief[2] == ""
    scores = json.loads((tmp_path / "whole" / "metrics.json").read_text())
    assert set(scores) == {"train", "valid", "test"}
    assert {path.name for path in tmp_path.iterdir()} == {"whole"}

    run = tmp_path / "run"
    for victim in (1, 0):
        processes = start_workers(tmp_path, *command, "hydra.run.dir=run")
        wait_until_training(processes[0], run)
        processes[victim].kill()
        code, _, err = outcomes(processes)[1 - victim]
        assert (code, err.count("\n")) == (1, 1), err
        assert "another process of this run is lost; give the same" in err
        # The chief's log is train.log.
        assert ("the traceback is in run/worker-1.log" in err) == (victim == 0)
        status = json.loads((run / "status.json").read_text())["status"]
        assert status == ("interrupted" if victim else "running")
    ended = outcomes(start_workers(tmp_path, *command, "hydra.run.dir=run"))
    assert [code for code, *_ in ended] == [0, 0], ended
    assert "going on after step" in (run / "train.log").read_text()
    assert_same_run(run, tmp_path / "whole")

    chief, worker = outcomes(start_workers(tmp_path, *command, "hydra.run.dir=run"))
    assert (chief[0], chief[2], *worker) == (0, "", 0, "", "")
    assert "run holds this run, done at " in chief[1]


@pytest.mark.slow
@pytest.mark.parametrize("signalled", [0, 1])
def test_sigterm_of_one_process_stops_all_after_a_checkpoint(signalled, tmp_path):
    processes = start_workers(tmp_path, *SMALL, "hydra.run.dir=run")
    wait_until_training(processes[0], tmp_path / "run")
    processes[signalled].send_signal(signal.SIGTERM)
    chief, worker = outcomes(processes)
    for code, _, err in (chief, worker):
        assert (code, err.count("\n")) == (143, 1), err
    assert "is saved in run/checkpoints/" in chief[2]
    assert worker[2] == "mtl-train: error: stopped by SIGTERM\n"
    assert json.loads((tmp_path / "run/status.json").read_text())["status"] == (
        "interrupted"
    )


@pytest.mark.slow
def test_run_stopped_at_the_end_of_an_epoch_resumes_at_the_first_try(tmp_path):
    # Each call of the steps is a whole epoch.
    command = [*SMALL, "trainer.batch_size=256", "trainer.epochs=60"]
    processes = start_workers(tmp_path, *command, "hydra.run.dir=run")
    wait_until_training(processes[0], tmp_path / "run")
    for process in processes:
        process.send_signal(signal.SIGTERM)
    assert [code for code, *_ in outcomes(processes)] == [143, 143]
    ended = outcomes(start_workers(tmp_path, *command, "hydra.run.dir=run"))
    assert [(code, err) for code, _, err in ended] == [(0, ""), (0, "")]


def test_signal_during_the_all_reduce_is_handled_at_the_next_call(monkeypatch):
    reported = []
    monkeypatch.setattr(signals, "_pending", 0)

    class Late(Replicas):
        """Receives a signal after it has reported none."""

        def all_reduce_max(self, value, choices):
            reported.append(value)
            monkeypatch.setattr(signals, "_pending", signal.SIGTERM)
            return value

    state = TrainingState(None, SimpleNamespace(replicas=Late()))
    with pytest.raises(signals.Stopped) as stopped:
        for _ in range(2):
            state.stop_if_signalled()
    assert stopped.value.code == 143
    assert reported[:2] == [0, signal.SIGTERM]


def chief_and_worker(monkeypatch, **steps):
    """Returns the states of two processes; the worker gets what the chief broadcasts.

    Args:
        monkeypatch: pytest's fixture.
        steps: attributes of the steps of both processes.
    """
    monkeypatch.setattr(TrainingState, "variables", dict)
    broadcasts = []

    class Chief(Replicas):
        def broadcast(self, value):
            broadcasts.append(value)
            return value

    class Worker(Replicas):
        def broadcast(self, value):
            return broadcasts.pop(0)

    replicas = [kind(object(), rank, 2) for rank, kind in enumerate([Chief, Worker])]
    return [
        TrainingState(None, SimpleNamespace(replicas=r, tasks=["income"], **steps))
        for r in replicas
    ]


def test_worker_resumes_an_epoch_of_which_no_steps_are_left(monkeypatch):
    """A worker once divided the number of rows by a duration of zero."""
    steps = {"batch_size": 8, "epoch": lambda *_: [], "compile_seconds": 0.0}
    steps |= {"num_rows": 40, "balancer": SimpleNamespace(changes_weights=False)}
    states = chief_and_worker(monkeypatch, **steps)
    chief = states[0]
    chief.step_values, chief.seconds = [np.ones((5, 3, 1), "float32")], 2.5
    for state in states:
        state.broadcast()
    feed = SimpleNamespace(buffers=lambda *_: [])
    for state in states:
        epoch = train_epoch(config("tasks=[income]"), state, feed, Progress())
        assert (epoch.seconds, epoch.samples_per_second) == (2.5, 16.0)
        assert (state.steps_done, state.seconds) == (0, 0.0)


def test_resumed_worker_stops_early_when_the_chief_does(monkeypatch):
    states = chief_and_worker(monkeypatch)
    chief, worker = [state.history for state in states]
    values = [0.5, 0.7, 0.6]
    chief.epochs = [
        epoch(i + 1, monitored=x, best=x != 0.6) for i, x in enumerate(values)
    ]
    for state in states:
        state.broadcast()
    assert (worker.best_epoch, worker.best_value, len(worker.epochs)) == (2, 0.7, 3)
    for patience in (1, 2):
        length = Length(batch_size=1, epochs=9, patience=patience)
        assert is_over(length, worker) == is_over(length, chief) == (patience == 1)


@pytest.mark.slow
def test_two_tasks_of_a_slurm_step_train_one_run(tmp_path, monkeypatch):
    monkeypatch.delenv(cluster.TF_CONFIG, raising=False)
    step = {
        "SLURM_STEP_NUM_TASKS": "2",
        "SLURM_STEP_NODELIST": "localhost",
        "SLURM_STEP_TASKS_PER_NODE": "2",
        "SLURM_JOB_ID": str(os.getpid()),
    }
    environments = [step | {"SLURM_PROCID": str(i)} for i in range(2)]
    chief, worker = outcomes(
        start_workers(
            tmp_path,
            *DENSE,
            "trainer.epochs=1",
            "hydra.run.dir=run",
            environments=environments,
        )
    )
    assert (chief[0], worker[0]) == (0, 0), (chief, worker)
    record = json.loads((tmp_path / "run" / "environment.json").read_text())
    assert record["processes"] == 2


@pytest.mark.slow
def test_workers_with_another_configuration_are_refused(tmp_path):
    environments = worker_environments()
    processes = [
        start_workers(
            tmp_path,
            *DENSE,
            f"seed={i}",
            "hydra.run.dir=run",
            environments=[environment],
        )[0]
        for i, environment in enumerate(environments)
    ]
    for code, _, err in outcomes(processes):
        assert (code, err.count("\n")) == (2, 1), err
        assert "worker 1 and the chief differ in the configuration;" in err


# The program of a chief that finds two GPUs, though the machine has none.
MIRRORED = """
import sys
from mtl_cli.core import tensorflow_runtime
tensorflow_runtime.start(1, True)
from mtl_cli.distributed import connect
connect.gpus = lambda: ["gpu0", "gpu1"]
connect.choose_gpu = lambda *_: None
from mtl_cli.cli.train import main
main()
"""


def start_mirrored(folder, *arguments):
    """Starts a command with `trainer.strategy=mirrored` that finds two GPUs."""
    process = subprocess.Popen(
        [sys.executable, "-c", MIRRORED, "trainer.strategy=mirrored", *arguments],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    STARTED.append(process)
    return process


def child_pids(process):
    """Returns the process ids of the children of a process."""
    pids = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text()
    return [int(pid) for pid in pids.split()]


@pytest.mark.slow
def test_mirrored_starts_one_process_per_gpu_which_ends_with_it(tmp_path):
    folder = "a run, of 'two'"
    command = [*SMALL, "trainer.epochs=1", f"hydra.run.dir={quoted(folder)}"]
    process = start_mirrored(tmp_path, *command)
    wait_until_training(process, tmp_path / folder)
    (child,) = child_pids(process)
    ((code, _, err),) = outcomes([process])
    assert (code, err) == (0, "")
    assert not Path(f"/proc/{child}").exists()
    assert [path.name for path in tmp_path.iterdir()] == [folder]


@pytest.mark.slow
@pytest.mark.parametrize("victim", ["chief", "child", "stopped"])
def test_mirrored_processes_end_together(victim, tmp_path):
    process = start_mirrored(tmp_path, *SMALL, "hydra.run.dir=run")
    wait_until_training(process, tmp_path / "run")
    (child,) = child_pids(process)
    if victim == "child":
        os.kill(child, signal.SIGKILL)
    else:
        process.send_signal(signal.SIGKILL if victim == "chief" else signal.SIGTERM)
    ((code, _, err),) = outcomes([process])
    assert code == {"chief": -9, "child": 1, "stopped": 143}[victim]
    if victim != "chief":
        assert err.count("\n") == 1
    assert ("is lost (exit code -9)" in err) == (victim == "child")
    wait = threading.Event()
    for _ in range(100):
        if not Path(f"/proc/{child}").exists():
            break
        wait.wait(0.1)
    assert not Path(f"/proc/{child}").exists()


@pytest.mark.slow
def test_mirrored_trains_alone_without_gpus(tmp_path):
    command = [*DENSE, "trainer.epochs=1", NO_COMPILE]
    for name, strategy in {"one": "null", "other": "mirrored"}.items():
        ended = mtl_train(
            tmp_path, *command, f"trainer.strategy={strategy}", f"hydra.run.dir={name}"
        )
        assert ended.returncode == 0, ended.stderr
    assert_same_run(tmp_path / "one", tmp_path / "other")


DIES_AFTER_THE_RENDEZVOUS = """
import os, sys
from mtl_cli.core.errors import LostWorkerError
from mtl_cli.distributed import connect
from mtl_cli.distributed.rendezvous import COMPARED_KEYS

connect.REGISTRATION_SECONDS = 5
if sys.argv[1] == "dies":
    connect.choose_gpu = lambda *arguments: os._exit(9)
try:
    connect.connect("multi_worker", None, dict.fromkeys(COMPARED_KEYS, ""), print)
    print("connected", flush=True)
except LostWorkerError as error:
    print(error, flush=True)
os._exit(0)
"""


@pytest.mark.slow
@pytest.mark.parametrize("victim", [0, 2])
def test_process_that_dies_after_the_rendezvous_ends_the_others_soon(victim):
    processes = [
        subprocess.Popen(
            [
                *(sys.executable, "-c", DIES_AFTER_THE_RENDEZVOUS),
                "dies" if rank == victim else "lives",
            ],
            env=os.environ | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        for rank, environment in enumerate(worker_environments(3))
    ]
    STARTED.extend(processes)
    ended = outcomes(processes)
    assert ended[victim][0] == 9
    for rank, (code, out, _) in enumerate(ended):
        if rank != victim:
            assert code == 0
            assert "it did not register with TensorFlow within 5 s" in out
            assert out.count("\n") == 1
