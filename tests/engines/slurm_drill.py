"""Sweeps under a Slurm of one machine, which Ctrl-C stops and which lacks accounting.

Needs the extra `slurm`, and the commands `slurmctld`, `slurmd` and `sbatch` of Slurm.
"""

import getpass
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType

from promises import expect, report, wait_until
from small_sweeps import Sweep, make_data, records, run, states

from mtl_cli.distributed.child_processes import free_ports

CONF = """
ClusterName=drill
SlurmctldHost={host}(127.0.0.1)
SlurmUser={user}
SlurmdUser={user}
SlurmctldPort={controller_port}
SlurmdPort={node_port}
AuthType=auth/none
CredType=cred/none
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
ReturnToService=2
KillWait=30
MinJobAge=600
NodeName={host} NodeAddr=127.0.0.1 CPUs=1 State=UNKNOWN
PartitionName=drill Nodes={host} Default=YES MaxTime=60 State=UP
"""
SLURM = ["hydra/launcher=submitit_slurm", "hydra.launcher.cpus_per_task=1"]


class Cluster:
    """A Slurm of one node with one processor, whose files are in a folder."""

    def __init__(self, folder: Path) -> None:
        (folder / "state").mkdir()
        (folder / "spool").mkdir()
        conf = folder / "slurm.conf"
        controller_port, node_port = free_ports(2)
        conf.write_text(
            CONF.format(
                host=socket.gethostname(),
                user=getpass.getuser(),
                folder=folder,
                controller_port=controller_port,
                node_port=node_port,
            )
        )
        (folder / "cgroup.conf").write_text("CgroupPlugin=disabled\n")
        os.environ["SLURM_CONF"] = str(conf)
        self.folder = folder
        self.processes: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> "Cluster":
        for command in ("slurmctld", "slurmd"):
            path = shutil.which(command) or f"/usr/sbin/{command}"
            with (self.folder / f"{command}.out").open("wb") as out:
                self.processes.append(
                    subprocess.Popen([path, "-D"], stdout=out, stderr=out)
                )
        wait_until(lambda: "idle" in output("sinfo", "-h", "-o", "%T"), 30)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        output("scancel", "--user", getpass.getuser())
        time.sleep(2)
        for process in reversed(self.processes):
            process.terminate()
            process.wait()


def output(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True).stdout


def queue() -> list[str]:
    """Returns the states of the jobs in Slurm's queue."""
    return output("squeue", "-h", "-r", "-o", "%T").split()


def drill_ctrl_c(folder: Path) -> None:
    arguments = ["-m", "seed=1,2,3", "trainer.epochs=100", "hydra.sweep.dir=sweep"]
    arguments += SLURM
    sweep = Sweep(folder, *arguments)
    wait_until(lambda: any((folder / "sweep").glob("*/checkpoints/*")))
    waiting = queue()
    expect("one job runs, two wait", sorted(waiting)[:2] == ["PENDING"] * 2, waiting)
    sweep.process.send_signal(signal.SIGINT)
    sweep.end()
    expect("Ctrl-C ends with exit 130", sweep.code == 130, sweep.shown)
    lines = [line for line in sweep.err.splitlines() if line.startswith("mtl-train")]
    counted = "interrupted; jobs: 1 interrupted; to go on: " in lines[0]
    expect("one line counts the jobs", len(lines) == 1 and counted, lines)
    warnings = (sweep.out + sweep.err).count("Bypassing sacct error")
    expect("a warning about sacct is shown once", warnings == 1, sweep.shown)
    expect("the running job saves", states(folder / "sweep") == ["interrupted"])
    wait_until(lambda: not queue(), 10)
    expect("no job stays in the queue", not queue())
    again = run(folder, *arguments)
    expect("the same command does the rest", again.code == 0, again.shown)
    done = [record["status"] for record in records(folder / "sweep")]
    expect("all jobs are done", done == ["done"] * 3, done)
    log = next((folder / "sweep").glob("*seed=1,*/train.log")).read_text()
    expect("the interrupted job resumes", "going on after" in log, log)


def drill_wrong_job(folder: Path) -> None:
    arguments = ["-m", "seed=1,x", "trainer.epochs=1", "hydra.sweep.dir=wrong"]
    ended = run(folder, *arguments, *SLURM)
    expect("a wrong job is one row", ended.code == 2, ended.shown)
    ends = sorted(record["status"] for record in records(folder / "wrong"))
    expect("the other job is done", ends == ["done", "failed"], ends)


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="slurm-drill-") as name:
        cluster, folder = Path(name, "cluster"), Path(name, "work")
        cluster.mkdir()
        folder.mkdir()
        make_data(folder)
        with Cluster(cluster):
            drill_ctrl_c(folder)
            drill_wrong_job(folder)
    return report()


if __name__ == "__main__":
    sys.exit(main())
