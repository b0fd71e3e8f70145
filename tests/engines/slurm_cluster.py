"""A Slurm of one machine, with or without accounting.

Jobs of the partition `urgent` preempt those of the partition `drill`.
"""

import contextlib
import getpass
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from promises import wait_until

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
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
SlurmdParameters=config_overrides
NodeName={host} NodeAddr=127.0.0.1 CPUs=2 State=UNKNOWN
PartitionName=drill Nodes={host} Default=YES MaxTime=60 State=UP
PartitionName=urgent Nodes={host} PriorityTier=2 MaxTime=60 State=UP
"""
ACCOUNTING = """
AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=127.0.0.1
AccountingStoragePort={accounting_port}
JobAcctGatherType=jobacct_gather/linux
"""
ACCOUNTING_CONF = """
AuthType=auth/none
DbdHost=localhost
DbdAddr=127.0.0.1
DbdPort={accounting_port}
SlurmUser={user}
StorageType=accounting_storage/mysql
StorageHost=127.0.0.1
StoragePort={database_port}
StorageUser=drill
StoragePass=drill
LogFile={folder}/slurmdbd.log
PidFile={folder}/slurmdbd.pid
"""


@contextlib.contextmanager
def slurm(folder: Path, has_accounting: bool = False) -> Iterator[None]:
    """Runs a Slurm of one node with two processors, whose files are in a new folder."""
    for path in (folder, folder / "state", folder / "spool"):
        path.mkdir()
    names = ("controller_port", "node_port", "accounting_port", "database_port")
    values: dict[str, object] = dict(zip(names, free_ports(4), strict=True))
    values |= {"host": socket.gethostname(), "user": getpass.getuser()}
    values["folder"] = folder
    conf = CONF + (ACCOUNTING if has_accounting else "")
    (folder / "slurm.conf").write_text(conf.format(**values))
    (folder / "cgroup.conf").write_text("CgroupPlugin=disabled\n")
    (folder / "slurmdbd.conf").touch(0o600)
    (folder / "slurmdbd.conf").write_text(ACCOUNTING_CONF.format(**values))
    os.environ["SLURM_CONF"] = str(folder / "slurm.conf")
    with contextlib.ExitStack() as servers:
        if has_accounting:
            start_accounting(servers, folder, values["database_port"])
        start(servers, folder, "slurmctld", "-D")
        start(servers, folder, "slurmd", "-D")
        wait_until(lambda: "idle" in output("sinfo", "-h", "-o", "%T"), 30)
        try:
            yield
        finally:
            output("scancel", "--user", getpass.getuser())
            time.sleep(2)


def start(
    servers: contextlib.ExitStack, folder: Path, name: str, *arguments: str
) -> None:
    """Starts a server that ends with `servers`; its output goes to a file."""
    path = shutil.which(name) or f"/usr/sbin/{name}"
    with (folder / f"{name}.out").open("wb") as out:
        process = subprocess.Popen([path, *arguments], stdout=out, stderr=out)
    servers.callback(process.wait)
    servers.callback(process.terminate)


def start_accounting(
    servers: contextlib.ExitStack, folder: Path, database_port: object
) -> None:
    """Starts `slurmdbd` and its database."""
    data = ["--no-defaults", f"--datadir={folder / 'database'}"]
    data.append(f"--user={getpass.getuser()}")
    subprocess.run(["mariadb-install-db", *data], capture_output=True, check=True)
    socket_path, statements = folder / "socket", folder / "init.sql"
    # With MariaDB 11, `slurmdbd` 24.11 fails if it has to make the database.
    statements.write_text(
        "CREATE DATABASE slurm_acct_db;\n"
        "CREATE USER drill@localhost IDENTIFIED BY 'drill';\n"
        "GRANT ALL ON *.* TO drill@localhost;\n"
    )
    connection = [f"--socket={socket_path}", f"--init-file={statements}"]
    connection += [f"--port={database_port}", "--bind-address=127.0.0.1"]
    start(servers, folder, "mariadbd", *data, *connection)
    wait_until(socket_path.exists, 30)
    start(servers, folder, "slurmdbd", "-D")
    out = folder / "slurmdbd.out"
    wait_until(lambda: "started" in out.read_text(), 30)


def output(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True).stdout


def queue() -> dict[str, str]:
    """Returns {number of the job: state} of the jobs in Slurm's queue."""
    lines = output("squeue", "-h", "-r", "-o", "%i %T").splitlines()
    return dict(line.split() for line in lines)
