"""Seconds of a sweep of 12 jobs: three of the source's Adult models with four seeds.

`mtl-train -m` is compared with 12 `mtl-train` one after another, and with 12 DeepCTR
scripts one after another. mtl-cli writes a complete run folder for each job. The
scripts only print their AUC.
"""

import itertools
import json
import shlex
import shutil
import statistics
from pathlib import Path

from alternate import MTL_TRAIN, OURS, Contender, Result, alternate, arguments, peer
from report import compare, save

MODELS = ("shared_bottom", "mmoe", "ple")
SEEDS = (1, 2, 3, 4)
ONE_BY_ONE = "mtl-cli, one process per job"
BARS = {ONE_BY_ONE: 1.5, "DeepCTR": 4}


def read_folder(folder: Path, _output: str) -> Result:
    """Returns the mean test AUC of income over all jobs, from the run folders.

    Raises:
        RuntimeError: if a job has no metrics.
    """
    metrics = [json.loads(path.read_text()) for path in folder.glob("*/*/metrics.json")]
    if len(metrics) != len(MODELS) * len(SEEDS):
        raise RuntimeError(f"{len(metrics)} jobs have metrics")
    return {"auc": statistics.fmean(job["test"]["income"]["auc"] for job in metrics)}


def read_lines(_folder: Path, output: str) -> Result:
    """Returns the mean test AUC of income over all scripts, from their output."""
    lines = [json.loads(x) for x in output.splitlines() if x.startswith("{")]
    return {"auc": statistics.fmean(line["auc"]["income"] for line in lines)}


def in_turn(commands: list[list[str]]) -> list[str]:
    """Returns one command that runs several commands, one after another."""
    return ["bash", "-ec", "\n".join(map(shlex.join, commands))]


def contenders(peers: Path, epochs: int) -> list[Contender]:
    """Returns the three contenders.

    Args:
        peers: the folder of the peers' environments.
        epochs: the number of epochs of each job.
    """
    jobs = list(itertools.product(MODELS, map(str, SEEDS)))
    length = f"trainer.epochs={epochs}"
    names = ",".join(f"source/adult_{model}" for model in MODELS)
    seeds = ",".join(map(str, SEEDS))
    sweep = [MTL_TRAIN, "-m", f"experiment={names}", f"seed={seeds}", length]
    one_by_one = [
        [
            MTL_TRAIN,
            f"experiment=source/adult_{model}",
            f"seed={seed}",
            length,
            f"hydra.run.dir=runs/{model}-{seed}",
        ]
        for model, seed in jobs
    ]
    ours = [
        Contender(OURS, [*sweep, "hydra.sweep.dir=sweep"], read_folder),
        Contender(ONE_BY_ONE, in_turn(one_by_one), read_folder),
    ]
    script = peer(peers, "DeepCTR", "deepctr_sweep.py", "--epochs", epochs)
    if not shutil.which(script.command[0]):
        return [*ours, script]  # `alternate` prints that the script cannot run
    scripts = [
        [*script.command, "--model", model, "--seed", seed] for model, seed in jobs
    ]
    return [*ours, Contender("DeepCTR", in_turn(scripts), read_lines)]


def main() -> None:
    """Measures, prints, saves."""
    options = arguments(__doc__, epochs=5).parse_args()
    results = alternate(contenders(options.peers, options.epochs), options.repeats)
    rows = compare(
        f"12 jobs on Adult, {options.epochs} epochs each: seconds of all",
        results,
        lambda run: run["wall_seconds"],
        BARS,
        {"AUC income": (lambda run: run["auc"], ".4f")},
        seconds=True,
    )
    save("sweep", results, rows)


if __name__ == "__main__":
    main()
