"""Quality of the defaults of mtl-cli on 31 tables, compared with boosted trees.

    python benchmarks/tables.py FOLDER
    python benchmarks/tables.py FOLDER --group ids
    python benchmarks/tables.py FOLDER --part tune --name drop -- model.dropout=0.1

The tables have 600 to 73,000 rows and two to four tasks; `peers/rdatasets_tables.py`
fetches them. Nine of them, the group `ids`, have columns of ids. `mtl-init` proposes
the YAML of each table, and one sweep trains on all tables of a group. `peers/trees.py`
trains LightGBM and CatBoost.

`--part test`, the default, compares the scores on test rows. Defaults must not be
chosen by test rows: `--part tune` compares the scores on other rows, for that purpose.

FOLDER keeps the tables, the sweeps, and the scores of the trees. Therefore the next
call with other settings trains only its own sweep.
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
# A task is level with the best trees if its scores are worse by at most this much: the
# AUC or R2 absolutely, the log loss relatively.
MAX_AUC_OR_R2_DIFFERENCE, MAX_LOG_LOSS_RATIO = 0.003, 0.005
# (table, task) whose label has only a few whole numbers, which are amounts. `mtl-init`
# takes them for classes, so the YAML is changed to a regression.
AMOUNTS = {("youth", "strength")}
# (table, number) that is empty in test rows only, of which `mtl-init` cannot know.
EMPTY_IN_TEST_ROWS = {("crashes", "yearVeh")}

Scores = dict[str, float]


def main() -> None:
    """Fetches the tables, trains on them, and prints the comparison."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--group", choices=["general", "ids"], default="general")
    parser.add_argument("--part", choices=["tune", "test"], default="test")
    parser.add_argument("--name", default="defaults", help="name of the sweep")
    parser.add_argument("--seeds", default="1,2,3")
    parser.add_argument("--tables", default=None, help="names, separated by commas")
    parser.add_argument("--peers", type=Path, default=FOLDER / ".peers")
    parser.add_argument("overrides", nargs="*")
    options = parser.parse_intermixed_args()

    folder, group, part = options.folder.resolve(), options.group, options.part
    folder.mkdir(parents=True, exist_ok=True)
    python = options.peers / "trees" / "bin" / "python"
    if not (folder / "tables").exists():
        run(folder, [python, PEERS / "rdatasets_tables.py", "tables", ADULT])
    tasks = json.loads((folder / "tables" / "tasks.json").read_text())[group]
    for table in tasks:
        write_config(folder, table, tasks[table])
    trees = folder / f"trees-{group}-{part}-{options.seeds}.json"
    if not trees.exists():
        command = [python, PEERS / "trees.py", "tables", group, part, options.seeds]
        trees.write_text(run(folder, command))
    sweep = f"sweeps/{options.name}-{group}-{part}"
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
    rows = compare(folder / sweep, json.loads(trees.read_text()))
    print_rows(rows)
    save(
        "tables",
        {},
        {"group": group, "part": part, "overrides": options.overrides, "tasks": rows},
    )


def run(folder: Path, command: list[Any]) -> str:
    """Runs a command in a folder, and returns its stdout. A failure ends the script."""
    words = [str(word) for word in command]
    process = subprocess.run(words, cwd=folder, stdout=subprocess.PIPE, text=True)
    if process.returncode:
        sys.exit(f"{' '.join(words)}: exit {process.returncode}")
    return process.stdout


def write_config(folder: Path, table: str, tasks: list[str]) -> None:
    """Writes the YAML that `mtl-init` proposes for a table, if it does not exist.

    `mtl-init` reads only the training rows. The validation and test rows are in other
    files, so the keys that would split the training rows are changed.
    """
    path = folder / "conf" / "dataset" / f"{table}.yaml"
    if path.exists():
        return
    options = [word for task in tasks for word in ("--task", task)]
    mtl_init = Path(MTL_TRAIN).with_name("mtl-init")
    run(folder, [mtl_init, f"tables/{table}/train.parquet", *options, "--name", table])
    lines = path.read_text().splitlines()
    for i, line in enumerate(lines):
        key = line.partition(":")[0]
        if key == "valid":
            lines[i] = f"valid: tables/{table}/valid.parquet"
        elif key in ("valid_fraction", "test_fraction"):
            lines[i] = f"{key}: 0.0"
    text = "\n".join(lines)
    for table_with_amounts, task in AMOUNTS:
        if table_with_amounts == table:
            start = text.index("    kind: multiclass", text.index(f"  {task}:\n"))
            end = text.index("    weight:", start)
            kind = "    kind: regression\n    loss: mse\n    transform: standard\n"
            text = text[:start] + kind + text[end:]
    for table_with_empty_cells, number in EMPTY_IN_TEST_ROWS:
        if table_with_empty_cells == table:
            feature = f"  {number}: {{"
            text = text.replace(feature, f"{feature}missing: mean, ")
    path.write_text(text + "\n")


def compare(
    sweep: Path, trees: dict[str, dict[str, list[Scores]]]
) -> list[dict[str, Any]]:
    """Returns the mean scores over the seeds of mtl-cli and of the trees, by task.

    Args:
        sweep: the folder of the sweep.
        trees: {"TABLE.TASK": {library: scores of each seed}}.
    """
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
    """Returns {library: mean scores over the seeds}."""
    return {library: means(runs) for library, runs in scores.items()}


def means(runs: list[Scores]) -> Scores:
    """Returns the mean of each compared score over the seeds."""
    names = [
        name for name in ("auc", "log_loss", "ece", "pcoc", "r2") if name in runs[0]
    ]
    return {name: mean(run[name] for run in runs) for name in names}


def print_rows(rows: list[dict[str, Any]]) -> None:
    """Prints the scores, and counts the tasks on which mtl-cli is level or better."""
    num_level = sum(map(is_level, rows))
    binary_rows = [row for row in rows if "auc" in row["ours"]]
    is_calibrated = [
        row["ours"]["ece"] <= row["light_gbm"]["ece"] for row in binary_rows
    ]
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
        f"calibrated as well as LightGBM on {sum(is_calibrated)} of {len(binary_rows)}"
    )


def best_trees(row: dict[str, Any]) -> Scores:
    """Returns the better of LightGBM's and CatBoost's value, for each score."""
    trees = row["light_gbm"], row["cat_boost"]
    return {
        name: (min if name == "log_loss" else max)(scores[name] for scores in trees)
        for name in trees[0]
    }


def is_level(row: dict[str, Any]) -> bool:
    """Whether mtl-cli is level with the best trees on a task, or better."""
    ours, best = row["ours"], best_trees(row)
    if "r2" in ours:
        return bool(ours["r2"] >= best["r2"] - MAX_AUC_OR_R2_DIFFERENCE)
    has_auc = ours["auc"] >= best["auc"] - MAX_AUC_OR_R2_DIFFERENCE
    has_loss = ours["log_loss"] <= best["log_loss"] * (1 + MAX_LOG_LOSS_RATIO)
    return bool(has_auc and has_loss)


if __name__ == "__main__":
    main()
