"""One run, top to bottom: load, build, train, evaluate, write."""

import hashlib
import json
import shlex
import subprocess
from pathlib import Path
from typing import Any

from mtl_cli import engine, pretrained
from mtl_cli.config import Config
from mtl_cli.console import Console
from mtl_cli.data.demands import check_monitor, doubts
from mtl_cli.data.load import Data, load
from mtl_cli.evaluate import Scores, evaluate
from mtl_cli.laps import Laps
from mtl_cli.paths import PACKAGE
from mtl_cli.run_folder import RunFolder


def run(
    config: Config, folder: RunFolder, console: Console, settings: list[str]
) -> dict[str, Scores]:
    """Trains and evaluates one model, and fills its run folder.

    Args:
        config: checked.
        folder: of the run, empty but for its status.
        console: where to tell of it.
        settings: of the command line.

    Returns: scores by split and output, as in `metrics.json`; empty if only the data
        was checked.
    """
    laps = Laps()
    data = load(config.dataset, config.outputs)
    rows = {split: table.rows for split, table in data.splits.items()}
    console.line(
        f"{config.dataset.name}: "
        + ", ".join(f"{n:,} {split}" for split, n in rows.items())
        + f" rows, {len(config.dataset.used_features)} features, {data.how}"
    )
    if config.trainer.patience is not None:
        check_monitor(config, data.splits["valid"])
    starts = pretrained.read(config, data.encoder)
    for name, start in starts.items():
        console.line(
            f"{name}: {len(start.rows):,} of {start.size - 1:,} values have vectors"
        )
    folder.write_json("data_report.json", data.report)
    for warning in [*data.report["findings"], *doubts(config, data.splits["train"])]:
        console.warn(warning)
    if config.check_only:
        console.data_report(data.report, config.outputs)
        console.line("check_only: nothing was trained")
        return {}

    laps.mark("read, check and encode the data")
    engine.start(config.seed, config.trainer.deterministic)
    from mtl_cli import report, saved
    from mtl_cli.build import build
    from mtl_cli.training.predict import Predictor
    from mtl_cli.training.train import train

    laps.mark("load TensorFlow")
    values = config.model_dump(mode="json")
    folder.write_json("environment.json", environment(config, values, data))
    network = build(config, data.encoder.spec, data.labels)
    pretrained.fill(network, config, data.encoder, starts)
    console.line(
        f"{config.model.name} on {config.encoder.name}: "
        f"{network.logits.count_params():,} parameters, tasks "
        f"{', '.join(config.chosen_tasks)}"
    )
    laps.mark("build the network")
    tasks = [output for output in config.outputs if not output.added]
    with console.progress(config.trainer.epochs, tasks) as progress:
        history = train(
            config, network, data.splits["train"], data.splits.get("valid"), progress
        )
    laps.mark("train")
    laps.move("train", "trace and compile the steps", history.compiling)
    laps.move("train", "validate", history.validating)
    saved.save(folder, network, values, data.encoder)

    predict = Predictor(network)
    scored = [s for s in data.splits if s != "train" or not data.streamed] or ["train"]
    predictions = {split: predict(data.splits[split]) for split in scored}
    scores = {
        split: evaluate(config.outputs, data.splits[split], predictions[split])
        for split in sorted(scored)
    }
    folder.write_json("metrics.json", scores)
    laps.mark("save, predict and score")
    shown = next(split for split in ("test", "valid", "train") if split in scores)
    report.write(folder, config, data, history, scores, predictions, shown)
    console.scores(
        f"{shown} rows, after epoch {history.kept}", config.outputs, scores[shown]
    )
    laps.mark("write tables, plots and page")
    if config.trainer.profile:
        console.table(laps.table())
    console.line(f"run folder: {shortest(folder.path)}")
    console.line(f"try next:   {next_command(config, settings)}")
    return scores


def shortest(path: Path) -> Path:
    """Returns a path relative to the folder that the run started in, if inside it."""
    inside = path.is_relative_to(Path.cwd())
    return path.relative_to(Path.cwd()) if inside else path


def next_command(config: Config, settings: list[str]) -> str:
    """Returns a command that shows something new after this run."""
    mine = [s.lstrip("+") for s in settings if not s.startswith(("hydra.", "seed="))]
    if len(config.chosen_tasks) > 1 and config.model.name != "single_task":
        mine = [s for s in mine if not s.startswith("model")]
        return shlex.join(["mtl-train", *mine, "model=single_task"])
    return shlex.join(["mtl-train", "-m", *mine, "seed=1,2,3"])


def environment(
    config: Config, values: dict[str, Any], data: Data
) -> dict[str, object]:
    """Returns what else a run's numbers depend on."""
    return {
        **engine.describe(),
        "git_commit": git_commit(),
        "seed": config.seed,
        "data_hash": data.fingerprint,
        "config_hash": config_hash(values),
    }


def config_hash(values: dict[str, Any]) -> str:
    """Returns a hash of all that a configuration says of a run's numbers."""
    text = json.dumps(values, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def git_commit() -> str | None:
    """Returns the commit of the checkout that this code runs from, if it is one."""
    if not (Path(PACKAGE.parent) / ".git").exists():
        return None
    command = ["git", "-C", str(PACKAGE.parent), "rev-parse", "HEAD"]
    try:
        found = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return found.stdout.strip()
