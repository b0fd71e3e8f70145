"""Seconds of a sweep of 12 jobs: three of the source's Adult models, four seeds each.

Compares `mtl-train -m` with one `mtl-train` after another, and with one plain DeepCTR
script after another. mtl-cli writes a full run folder for each job; the scripts only
print their AUC.
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
APART = "mtl-cli, one process per job"
BARS = {APART: 1.5, "DeepCTR": 4}


def read_folder(folder: Path, _output: str) -> Result:
    """Returns the mean test AUC of income over all jobs.

    Raises:
        RuntimeError: if jobs are missing.
    """
    metrics = [json.loads(path.read_text()) for path in folder.glob("*/*/metrics.json")]
    if len(metrics) != len(MODELS) * len(SEEDS):
        raise RuntimeError(f"{len(metrics)} jobs have metrics")
    return {"auc": statistics.fmean(job["test"]["income"]["auc"] for job in metrics)}


def read_lines(_folder: Path, output: str) -> Result:
    """Returns the mean test AUC of income over the lines of the scripts."""
    lines = [json.loads(x) for x in output.splitlines() if x.startswith("{")]
    return {"auc": statistics.fmean(line["auc"]["income"] for line in lines)}


def in_turn(commands: list[list[str]]) -> list[str]:
    """Returns a command that runs commands one after another."""
    return ["bash", "-ec", "\n".join(map(shlex.join, commands))]


def contenders(peers: Path, epochs: int) -> list[Contender]:
    """Returns the sweep, and the same jobs one after another."""
    jobs = list(itertools.product(MODELS, map(str, SEEDS)))
    last = f"trainer.epochs={epochs}"
    names = ",".join(f"source/adult_{model}" for model in MODELS)
    seeds = ",".join(map(str, SEEDS))
    sweep = [MTL_TRAIN, "-m", f"experiment={names}", f"seed={seeds}", last]
    apart = [
        [
            MTL_TRAIN,
            f"experiment=source/adult_{model}",
            f"seed={seed}",
            last,
            f"hydra.run.dir=runs/{model}-{seed}",
        ]
        for model, seed in jobs
    ]
    own = [
        Contender(OURS, [*sweep, "hydra.sweep.dir=sweep"], read_folder),
        Contender(APART, in_turn(apart), read_folder),
    ]
    script = peer(peers, "DeepCTR", "deepctr_sweep.py", "--epochs", epochs)
    if not shutil.which(script.command[0]):
        return [*own, script]  # `alternate` leaves it out and says so
    scripts = [
        [*script.command, "--model", model, "--seed", seed] for model, seed in jobs
    ]
    return [*own, Contender("DeepCTR", in_turn(scripts), read_lines)]


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
