"""Seconds of a sweep of 12 jobs: three of the source's Adult models, four seeds each.

One `mtl-train -m`, against one `mtl-train` after another, and against one plain DeepCTR
script after another. Ours writes a full run folder for each job, the scripts print
their AUC.
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
APART = "mtl-cli, a process a job"
BARS = {APART: 1.5, "DeepCTR": 4}


def read_folder(folder: Path, _output: str) -> Result:
    """Returns the mean test AUC of income over all jobs.

    Raises:
        RuntimeError: if jobs are missing.
    """
    found = [json.loads(path.read_text()) for path in folder.glob("*/*/metrics.json")]
    if len(found) != len(MODELS) * len(SEEDS):
        raise RuntimeError(f"{len(found)} jobs have metrics")
    return {"auc": statistics.fmean(job["test"]["income"]["auc"] for job in found)}


def read_lines(_folder: Path, output: str) -> Result:
    """Returns the mean test AUC of income over the scripts' lines."""
    lines = [json.loads(x) for x in output.splitlines() if x.startswith("{")]
    return {"auc": statistics.fmean(line["auc"]["income"] for line in lines)}


def in_turn(commands: list[list[str]]) -> list[str]:
    """Returns a command that runs commands one after another."""
    return ["bash", "-ec", "\n".join(map(shlex.join, commands))]


def contenders(peers: Path, epochs: int) -> list[Contender]:
    """Returns the sweep, and the same jobs apart."""
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
    found = [
        Contender(OURS, [*sweep, "hydra.sweep.dir=sweep"], read_folder),
        Contender(APART, in_turn(apart), read_folder),
    ]
    script = peer(peers, "DeepCTR", "deepctr_sweep.py", "--epochs", epochs)
    if not shutil.which(script.command[0]):
        return [*found, script]  # which is left out, with a line
    scripts = [
        [*script.command, "--model", model, "--seed", seed] for model, seed in jobs
    ]
    found.append(Contender("DeepCTR", in_turn(scripts), read_lines))
    return found


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
