"""Quality on many tables: the defaults of mtl-cli against boosted trees.

    python benchmarks/tables.py FOLDER                                   on test rows
    python benchmarks/tables.py FOLDER --part tune --name drop -- model.dropout=0.1

22 tables with two to four tasks, of 600 to 65,000 rows, each with the YAML that
`mtl-init` proposes. All jobs are one sweep. FOLDER keeps the tables, the sweeps and the
scores of the trees, so that the next call with other settings trains only its own jobs.
Defaults are chosen with `--part tune`; `--part test` is for the result. See
`peers/rdatasets_tables.py` for the tables and `peers/trees.py` for the trees.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path
from statistics import mean
from typing import Any

from alternate import FOLDER, MTL_TRAIN
from report import save

ADULT = FOLDER.parent / "data" / "adult"
PEERS = FOLDER / "peers"
# A task is level with the best trees within these distances.
AUC_OR_R2, LOG_LOSS = 0.003, 0.005
# Labels of several whole numbers that are amounts: `mtl-init` takes them for classes.
AMOUNTS = {("youth", "strength")}

Scores = dict[str, float]


def main() -> None:
    """Fetches the tables, trains what is missing, and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--part", choices=["tune", "test"], default="test")
    parser.add_argument("--name", default="defaults", help="name of the sweep")
    parser.add_argument("--seeds", default="1,2,3")
    parser.add_argument("--tables", default=None, help="names with commas; all if none")
    parser.add_argument("--peers", type=Path, default=FOLDER / ".peers")
    parser.add_argument("overrides", nargs="*")
    options = parser.parse_args()

    folder, part = options.folder.resolve(), options.part
    folder.mkdir(parents=True, exist_ok=True)
    python = options.peers / "trees" / "bin" / "python"
    if not (folder / "tables").exists():
        run(folder, [python, PEERS / "rdatasets_tables.py", "tables", ADULT])
    tasks = json.loads((folder / "tables" / "tasks.json").read_text())
    for table in tasks:
        write_config(folder, table, tasks[table])
    trees = folder / f"trees-{part}-{options.seeds}.json"
    if not trees.exists():
        command = [python, PEERS / "trees.py", "tables", part, options.seeds]
        trees.write_text(run(folder, command))
    sweep = f"sweeps/{options.name}-{part}"
    names = options.tables or ",".join(tasks)
    fit = "fit" if part == "tune" else "train"
    train = [
        *(MTL_TRAIN, "-m", "model=mmoe", f"dataset={names}", f"seed={options.seeds}"),
        f"dataset.train=tables/${{dataset.name}}/{fit}.parquet",
        f"dataset.test=tables/${{dataset.name}}/{part}.parquet",
        f"hydra.sweep.dir={sweep}",
        *options.overrides,
    ]
    run(folder, train)
    rows = compared(folder / sweep, json.loads(trees.read_text()))
    print_rows(rows)
    save("tables", {}, {"part": part, "overrides": options.overrides, "tasks": rows})


def run(folder: Path, command: list[Any]) -> str:
    """Runs a command in a folder; returns its stdout."""
    words = [str(word) for word in command]
    done = subprocess.run(words, cwd=folder, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(words)}: exit {done.returncode}")
    return done.stdout


def write_config(folder: Path, table: str, tasks: list[str]) -> None:
    """Writes the YAML of a table, as `mtl-init` proposes it, with the files of a part.

    `mtl-init` sees the `train` rows only.
    """
    path = folder / "conf" / "dataset" / f"{table}.yaml"
    if path.exists():
        return
    names = [word for task in tasks for word in ("--task", task)]
    mtl_init = Path(MTL_TRAIN).with_name("mtl-init")
    run(folder, [mtl_init, f"tables/{table}/train.parquet", *names, "--name", table])
    lines = path.read_text().splitlines()
    for i, line in enumerate(lines):
        key = line.partition(":")[0]
        if key == "valid":
            lines[i] = f"valid: tables/{table}/valid.parquet"
        elif key in ("valid_fraction", "test_fraction"):
            lines[i] = f"{key}: 0.0"
    text = "\n".join(lines)
    for amounts, task in AMOUNTS:
        if amounts == table:
            start = text.index("    kind: multiclass", text.index(f"  {task}:\n"))
            end = text.index("    weight:", start)
            kind = "    kind: regression\n    loss: mse\n    transform: standard\n"
            text = text[:start] + kind + text[end:]
    path.write_text(text + "\n")


def compared(
    sweep: Path, trees: dict[str, dict[str, list[Scores]]]
) -> list[dict[str, Any]]:
    """Returns each task's mean scores over the seeds, of mtl-cli and of the trees."""
    ours: dict[str, list[Scores]] = {}
    for path in sorted(sweep.glob("*/metrics.json")):
        spec = json.loads((path.parent / "model" / "spec.json").read_text())
        for task, scores in json.loads(path.read_text())["test"].items():
            ours.setdefault(f"{spec['dataset']['name']}.{task}", []).append(scores)
    return [
        {"task": name, "seeds": len(runs), "ours": means(runs)}
        | by_library(trees[name])
        for name, runs in ours.items()
    ]


def by_library(scores: dict[str, list[Scores]]) -> dict[str, Scores]:
    """Returns the mean scores of each library over the seeds."""
    return {library: means(runs) for library, runs in scores.items()}


def means(runs: list[Scores]) -> Scores:
    """Returns the mean of each score that the bench compares."""
    names = [
        name for name in ("auc", "log_loss", "ece", "pcoc", "r2") if name in runs[0]
    ]
    return {name: mean(run[name] for run in runs) for name in names}


def print_rows(rows: list[dict[str, Any]]) -> None:
    """Prints the scores, and on how many tasks mtl-cli is level with the best trees."""
    num_level = sum(map(is_level, rows))
    binary = [row for row in rows if "auc" in row["ours"]]
    calibrated = [row["ours"]["ece"] <= row["light_gbm"]["ece"] for row in binary]
    for row in rows:
        ours, best = row["ours"], best_trees(row)
        cells = [f"{row['task']:24}"]
        for name in ("auc", "r2", "log_loss"):
            if name in ours:
                cells.append(
                    f"{name} {ours[name]:.4f} ({ours[name] - best[name]:+.4f})"
                )
        if "ece" in ours:
            cells.append(f"ece {ours['ece']:.4f} ({row['light_gbm']['ece']:.4f})")
        print("  ".join([*cells, "level" if is_level(row) else ""]))
    print(
        f"level with the best trees or better on {num_level} of {len(rows)} tasks; "
        f"calibrated as well as LightGBM on {sum(calibrated)} of {len(binary)}"
    )


def best_trees(row: dict[str, Any]) -> Scores:
    """Returns the best of each score of the libraries of trees."""
    trees = row["light_gbm"], row["cat_boost"]
    return {
        name: (min if name == "log_loss" else max)(scores[name] for scores in trees)
        for name in trees[0]
    }


def is_level(row: dict[str, Any]) -> bool:
    """Whether mtl-cli is level with the best trees on a task."""
    ours, best = row["ours"], best_trees(row)
    if "r2" in ours:
        return bool(ours["r2"] >= best["r2"] - AUC_OR_R2)
    is_ranked = ours["auc"] >= best["auc"] - AUC_OR_R2
    return bool(is_ranked and ours["log_loss"] <= best["log_loss"] * (1 + LOG_LOSS))


if __name__ == "__main__":
    main()
