"""One run, top to bottom: load, build, train, evaluate, write."""

import shlex
from typing import TYPE_CHECKING, Any

from mtl_cli.config.run_config import Config
from mtl_cli.core import signals, tensorflow_runtime
from mtl_cli.core.errors import ConfigError
from mtl_cli.core.paths import shortest
from mtl_cli.core.run_folder import RunFolder
from mtl_cli.core.secrets import masked
from mtl_cli.data.load import Data, load
from mtl_cli.evaluation.gate_usage import concerns, gate_use
from mtl_cli.evaluation.scores import Scores, evaluate
from mtl_cli.network import pretrained
from mtl_cli.network.pretrained import Start
from mtl_cli.runs.console import Console
from mtl_cli.runs.preflight import check_monitor, doubts
from mtl_cli.runs.provenance import differences, environment, flat
from mtl_cli.runs.stage_timer import Laps
from mtl_cli.training.checkpoint import Checkpoint
from mtl_cli.training.progress import History

if TYPE_CHECKING:  # which import TensorFlow
    from mtl_cli.distributed.replicas import Replicas
    from mtl_cli.network.build import Network
    from mtl_cli.training.saving import Saving


def run(
    config: Config,
    folder: RunFolder,
    console: Console,
    settings: list[str],
    checkpoint: Checkpoint | None = None,
) -> dict[str, Scores]:
    """Trains and evaluates one model, and fills its run folder.

    Args:
        config: checked.
        folder: of the run, empty but for its status.
        console: where to tell of it.
        settings: of the command line.
        checkpoint: to go on from.

    Returns: scores by split and output, as in `metrics.json`; empty if only the data
        was checked.
    """
    laps = Laps()
    data, starts = read(config, folder, console)
    if config.check_only:
        console.data_report(data.report, config.outputs)
        console.line("check_only: nothing was trained")
        config.tracker.end({})
        return {}

    laps.mark("read, check and encode the data")
    tensorflow_runtime.start(config.seed, config.trainer.deterministic)
    from mtl_cli.distributed.replicas import connect
    from mtl_cli.network.build import build
    from mtl_cli.training.saving import Saving

    laps.mark("load TensorFlow")
    about = environment(config, data.fingerprint)
    replicas = connect(config.trainer.strategy, folder.path, about)
    about["processes"] = replicas.size
    network = build(config, data.features.layout, data.labels)
    about["parameters"] = parameters = network.logits.count_params()
    if checkpoint is not None:
        check_same(checkpoint.state["environment"], about, console)
    folder.write_json("environment.json", about)
    pretrained.fill(network, config, data.features, starts)
    console.line(
        f"{config.model.name} on {config.encoder.name}: {parameters:,} parameters, "
        f"tasks {', '.join(config.chosen_tasks)}"
    )
    laps.mark("build the network")
    saving = Saving(folder, config.trainer.checkpoint_minutes, about, checkpoint)
    history = fit(config, console, data, network, saving, replicas)
    if not replicas.is_chief:
        replicas.close()
        return {}
    laps.mark("train")
    laps.move("train", "trace and compile the steps", history.compiling)
    laps.move("train", "validate", history.validating)
    laps.move("train", "write checkpoints", history.saving)
    scores = score(config, folder, console, data, network, history, laps)
    if config.trainer.profile:
        console.table(laps.table())
    replicas.close()
    console.line(f"run folder: {shortest(folder.path)}")
    console.line(f"try next:   {next_command(config, settings)}")
    return scores


def read(
    config: Config, folder: RunFolder, console: Console
) -> tuple[Data, dict[str, Start]]:
    """Reads data and pretrained vectors, and tells what there is to know of them.

    Returns: the data; vectors by the embedding table that starts with them.
    """
    data = load(config.dataset, config.outputs)
    rows = {split: table.rows for split, table in data.splits.items()}
    console.line(
        f"{config.dataset.name}: "
        + ", ".join(f"{n:,} {split}" for split, n in rows.items())
        + f" rows, {len(config.dataset.used_features)} features, {data.how}"
    )
    if config.trainer.patience is not None:
        check_monitor(config, data.splits["valid"])
    starts = pretrained.read(config, data.features)
    for name, start in starts.items():
        console.line(
            f"{name}: {len(start.rows):,} of {start.size - 1:,} values have vectors"
        )
    folder.write_json("data_report.json", data.report)
    for warning in [*data.report["findings"], *doubts(config, data.splits["train"])]:
        console.warn(warning)
    return data, starts


def fit(
    config: Config,
    console: Console,
    data: Data,
    network: "Network",
    saving: "Saving",
    replicas: "Replicas",
) -> History:
    """Trains a network, and tells of each epoch."""
    from mtl_cli.runs.report import epoch_row
    from mtl_cli.training.train import train

    tasks = [output for output in config.outputs if not output.added]
    with (
        console.progress(config.trainer.epochs, tasks) as progress,
        replicas.detect_lost_workers(),
        signals.held(),
    ):
        progress.follow(
            lambda epoch: config.tracker.epoch(epoch.number, epoch_row(epoch))
        )
        return train(
            config,
            network,
            data.splits["train"],
            data.splits.get("valid"),
            progress,
            saving if replicas.is_chief else None,
            replicas,
        )


def score(
    config: Config,
    folder: RunFolder,
    console: Console,
    data: Data,
    network: "Network",
    history: History,
    laps: Laps,
) -> dict[str, Scores]:
    """Saves and scores a trained network, and reports on it.

    Returns: scores by split and output.
    """
    from mtl_cli.runs import report, saved_model

    values = masked(config.model_dump(mode="json"))
    saved_model.save(folder, network, values, data.features)
    scored = [s for s in data.splits if s != "train" or not data.streamed] or ["train"]
    predictions = {split: network.predict(data.splits[split]) for split in scored}
    scores = {
        split: evaluate(config.outputs, data.splits[split], predictions[split])
        for split in sorted(scored)
    }
    folder.write_json("metrics.json", scores)
    laps.mark("save, predict and score")
    shown = next(split for split in ("test", "valid", "train") if split in scores)
    report.write(folder, config, data, history, scores, predictions, shown)
    if use := gate_use(network, config, data.splits[shown]):
        folder.write_json("gates.json", {"split": shown, **use})
    for warning in concerns(use):
        console.warn(warning)
    console.scores(
        f"{shown} rows, after epoch {history.kept}", config.outputs, scores[shown]
    )
    laps.mark("write tables, plots and page")
    config.tracker.end(scores)
    return scores


def next_command(config: Config, settings: list[str]) -> str:
    """Returns a command that shows something new after this run."""
    mine = [
        s.lstrip("+")
        for s in settings
        if not s.startswith(("hydra.", "seed=", "resume="))
    ]
    saved = any(s.startswith("--config-path") for s in mine)  # it has no choices
    together = len(config.chosen_tasks) > 1 and config.model.name != "single_task"
    if together and not saved:
        mine = [s for s in mine if not s.startswith("model")]
        return shlex.join(["mtl-train", *mine, "model=single_task"])
    return shlex.join(["mtl-train", "-m", *mine, "seed=1,2,3"])


def check_same(then: dict[str, Any], now: dict[str, Any], console: Console) -> None:
    """Warns if what a run's numbers depend on has changed since a checkpoint.

    Raises:
        ConfigError: if it is the data.
    """
    changes = differences(flat(then), flat(now))
    for change in changes:
        if change.startswith("data_hash"):
            raise ConfigError(
                "dataset: the data has changed since the run was cut off; name another "
                "folder, or remove this one"
            )
        console.warn(
            f"{change}: the numbers may not be those of a run that was not cut off"
        )
