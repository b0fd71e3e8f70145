"""Sweeps under a Slurm of one machine.

Without accounting: Ctrl-C and a wrong job. With accounting: jobs that are requeued,
preempted, signalled, stopped by their time limit or cancelled.

    python tests/engines/slurm_drill.py [names of drills]

Needs the extra `slurm`, and the commands of Slurm and MariaDB.
"""

import signal
import sys
import tempfile
from pathlib import Path

from promises import expect, report, wait_until
from slurm_cluster import output, queue, slurm
from small_sweeps import Sweep, differences, make_data, records, run, states

SLURM = ["hydra/launcher=submitit_slurm", "hydra.launcher.cpus_per_task=1"]
# One job at a time.
WHOLE_NODE = ["hydra/launcher=submitit_slurm", "hydra.launcher.cpus_per_task=2"]
# Job 0 runs long enough to be started again and outlive job 1.
LONG_JOBS = ["-m", "seed=1", "trainer.epochs=500,250", "trainer.batch_size=4"]
SAVED = "going on after"


def drill_ctrl_c(folder: Path) -> None:
    arguments = ["-m", "seed=1,2,3", "trainer.epochs=100", "hydra.sweep.dir=sweep"]
    arguments += WHOLE_NODE
    sweep = Sweep(folder, *arguments)
    wait_until(lambda: any((folder / "sweep").glob("*/checkpoints/*")))
    waiting = sorted(queue().values())
    expect("one job runs, two wait", waiting[:2] == ["PENDING"] * 2, waiting)
    sweep.process.send_signal(signal.SIGINT)
    sweep.end()
    expect("Ctrl-C ends with exit 130", sweep.code == 130, sweep.shown)
    lines = error_lines(sweep)
    counted = "interrupted; jobs: 1 interrupted; to go on: " in lines[0]
    expect("one line counts the jobs", len(lines) == 1 and counted, lines)
    warnings = (sweep.out + sweep.err).count("Bypassing sacct error")
    expect("a warning about sacct is shown once", warnings == 1, sweep.shown)
    expect("the running job saves", states(folder / "sweep") == ["interrupted"])
    wait_until(lambda: not queue(), 10)
    again = run(folder, *arguments)
    expect("the same command does the rest", again.code == 0, again.shown)
    done = [record["status"] for record in records(folder / "sweep")]
    expect("all jobs are done", done == ["done"] * 3, done)
    expect("the interrupted job resumes", SAVED in log(folder / "sweep", "seed=1,"))


def drill_wrong_job(folder: Path) -> None:
    arguments = ["-m", "seed=1,x", "trainer.epochs=1", "hydra.sweep.dir=wrong"]
    ended = run(folder, *arguments, *SLURM)
    expect("a wrong job is one row", ended.code == 2, ended.shown)
    ends = sorted(record["status"] for record in records(folder / "wrong"))
    expect("the other job is done", ends == ["done", "failed"], ends)


def drill_requeue(folder: Path) -> None:
    """Requeues a job that runs again, and longer than the sweep."""
    sweep, number = sweep_with_saved_job(folder, "requeued")
    output("scontrol", "requeue", number)
    start_again(number)
    sweep.end()
    lines = error_lines(sweep)
    told = len(lines) == 1 and "started again by the cluster" in lines[0]
    expect("the sweep tells of a job that is requeued and runs", told, sweep.shown)
    expect("such a sweep ends with exit 1", sweep.code == 1, sweep.shown)
    wait_until(lambda: not queue())
    resume(folder, "requeued")


def drill_preemption(folder: Path) -> None:
    """Lets an urgent job preempt a job, which still waits at the end of the sweep."""
    sweep, number = sweep_with_saved_job(folder, "preempted")
    urgent = ["--partition=urgent", "--output=/dev/null", "--wrap=sleep 600"]
    output("sbatch", "--parsable", *urgent, "--exclusive")
    wait_until(lambda: "RUNNING" not in (queue()[number], queue()[number[:-1] + "1"]))
    sweep.end()
    expect("a preempted job counts as stopped", sweep.code == 143, sweep.shown)
    ends = states(folder / "preempted")
    expect("the preempted jobs save", ends == ["interrupted"] * 2, ends)
    wait_until(lambda: list(queue().values()) == ["RUNNING"], 10)
    expect("requeued jobs leave the queue with the sweep", True)
    output("scancel", "--partition=urgent")
    resume(folder, "preempted")


def drill_sigusr2(folder: Path) -> None:
    """Sends the signal on which submitit requeues a job within the sweep."""
    sweep, number = sweep_with_saved_job(folder, "signalled")
    output("scancel", "--signal=USR2", number)
    start_again(number)
    sweep.end()
    expect("after SIGUSR2 the sweep finishes the job", sweep.code == 0, sweep.shown)
    expect("the signalled job resumes", SAVED in log(folder / "signalled"))
    found = differences(folder / "signalled", folder / "undisturbed")
    expect("its numbers are those of an undisturbed sweep", not found, found)


def drill_time_limit(folder: Path) -> None:
    """Shortens the time of all jobs, so that Slurm sends its signal at once."""
    limit = ["hydra.launcher.timeout_min=10", "hydra.launcher.signal_delay_s=300"]
    sweep, number = sweep_with_saved_job(folder, "limited", *limit)
    job = number.partition("_")[0]
    output("scontrol", "update", f"JobId={job}", "TimeLimit=5")
    sweep.end()
    expect("a time limit ends the sweep with exit 1", sweep.code == 1, sweep.shown)
    lines = error_lines(sweep)
    told = "Job not requeued because: timed-out too many times" in lines[0]
    expect("the sweep tells of the time limit", told, lines)
    expect("the long job saves", "interrupted" in states(folder / "limited"))
    resume(folder, "limited")


def drill_scancel(folder: Path) -> None:
    arguments = [*LONG_JOBS, "hydra.sweep.dir=cancelled", *WHOLE_NODE]
    sweep = Sweep(folder, *arguments)
    wait_until(lambda: any((folder / "cancelled").glob("*/checkpoints/*")))
    output("scancel", *queue())
    sweep.end()
    expect("scancel of all jobs ends with exit 1", sweep.code == 1, sweep.shown)
    lines = error_lines(sweep)
    told = "gave no result (state: CANCELLED by" in lines[0]
    expect("the sweep says that a waiting job was cancelled", told, lines)
    expect("the running job saves", states(folder / "cancelled") == ["interrupted"])
    resume(folder, "cancelled")


def sweep_with_saved_job(folder: Path, name: str, *more: str) -> tuple[Sweep, str]:
    """Starts a sweep whose job 0 has saved, and returns also the job's number."""
    sweep = Sweep(folder, *LONG_JOBS, f"hydra.sweep.dir={name}", *SLURM, *more)
    wait_until(lambda: any((folder / name).glob("*epochs=500,*/checkpoints/*")))
    return sweep, next(number for number in queue() if number.endswith("_0"))


def start_again(number: str) -> None:
    """Starts a requeued job, which Slurm would let wait for two minutes."""
    wait_until(lambda: queue()[number] == "PENDING", 60)
    output("scontrol", "update", f"JobId={number}", "StartTime=now")


def resume(folder: Path, name: str) -> None:
    """Expects that the same command ends as an undisturbed sweep does."""
    again = run(folder, *LONG_JOBS, f"hydra.sweep.dir={name}", *SLURM)
    expect("the same command does the rest", again.code == 0, again.shown)
    expect("the long job has resumed", SAVED in log(folder / name))
    found = differences(folder / name, folder / "undisturbed")
    expect("all numbers are those of an undisturbed sweep", not found, found)


def log(sweep: Path, name: str = "epochs=500,") -> str:
    return next(sweep.glob(f"*{name}*/train.log")).read_text()


def error_lines(sweep: Sweep) -> list[str]:
    return [line for line in sweep.err.splitlines() if line.startswith("mtl-train")]


WITHOUT_ACCOUNTING = {"ctrl-c": drill_ctrl_c, "wrong-job": drill_wrong_job}
WITH_ACCOUNTING = {
    "requeue": drill_requeue,
    "preemption": drill_preemption,
    "sigusr2": drill_sigusr2,
    "time-limit": drill_time_limit,
    "scancel": drill_scancel,
}


def main(names: list[str]) -> int:
    """Runs the named drills, or all."""
    with tempfile.TemporaryDirectory(prefix="slurm-drill-") as temporary:
        folder = Path(temporary, "work")
        folder.mkdir()
        make_data(folder)
        whole = run(folder, *LONG_JOBS, "hydra.sweep.dir=undisturbed")
        expect("a sweep without Slurm ends", whole.code == 0, whole.shown)
        for drills in (WITHOUT_ACCOUNTING, WITH_ACCOUNTING):
            has_accounting = drills is WITH_ACCOUNTING
            with slurm(Path(temporary, f"slurm-{has_accounting}"), has_accounting):
                for name, drill in drills.items():
                    if name in names or not names:
                        print(name, flush=True)
                        drill(folder)
    return report()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
