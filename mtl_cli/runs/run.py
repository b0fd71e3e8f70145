"""Runs a configuration: reads the data, builds and trains a network, scores it."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from mtl_cli.config.run_config import Config
from mtl_cli.core import signals, tensorflow_runtime
from mtl_cli.core.errors import ConfigError
from mtl_cli.core.run_folder import RunFolder
from mtl_cli.data.load import Data
from mtl_cli.metrics.score_dict import Scores
from mtl_cli.network import pretrained
from mtl_cli.runs import earlier_run, provenance
from mtl_cli.runs.console import Console
from mtl_cli.runs.earlier_run import EarlierRun
from mtl_cli.runs.next_commands import next_commands
from mtl_cli.runs.read_data import read_data
from mtl_cli.runs.save_and_score import print_paths, save_and_score
from mtl_cli.runs.stage_timer import StageTimer
from mtl_cli.runs.trained_run import TrainedRun
from mtl_cli.training.checkpoint import Checkpoint
from mtl_cli.training.progress import Epoch, History, Progress

if TYPE_CHECKING:  # these modules import TensorFlow
    from mtl_cli.distributed.replicas import Replicas
    from mtl_cli.network.network import Network
    from mtl_cli.training.state import CheckpointPlan

# More parameters per training row than this cause a warning.
MAX_PARAMETERS_PER_ROW = 1000


def run(
    config: Config,
    folder: RunFolder,
    console: Console,
    settings: list[str],
    checkpoint: Checkpoint | None = None,
    on_epoch: Callable[[int, dict[str, Any]], object] = lambda *_: None,
) -> dict[str, Scores]:
    """Trains and scores one model, and writes the files of its run folder.

    Args:
        config: the checked configuration.
        folder: the run folder, locked for this process.
        console: prints to the terminal and to the log.
        settings: the flags and settings of the command line.
        checkpoint: the state to continue from; None to train from the beginning.
        on_epoch: a function that is called after each epoch, with the number of the
            epoch and the row of the epoch in `history.csv`.

    Returns: the content of `metrics.json`, {split: {output: score}}; {} if this process
        has scored nothing: with `check_only`, in a process that is not the chief, and
        if the chief has finished the run already.
    """
    timer = StageTimer()
    earlier = earlier_run.read(config, folder.path, is_resumed=checkpoint is not None)
    data, vectors = read_data(config, folder, console, earlier)
    if config.check_only:
        console.print_data_report(data.report, config.outputs)
        console.print_line("check_only: nothing was trained")
        return {}
    timer.end_stage("read, check and encode the data")

    tensorflow_runtime.start(config.seed, config.trainer.deterministic)
    from mtl_cli.training.state import CheckpointPlan

    timer.end_stage("load TensorFlow")

    connected = connect_and_build(config, folder, console, data, earlier, checkpoint)
    if connected is None:  # the chief has finished the run already
        return {}
    replicas, network, environment = connected
    network = write_first_weights(
        network, config, folder, console, data, vectors, earlier
    )
    print_size(config, console, environment, data.splits["train"].num_rows)
    timer.end_stage("build the network")

    minutes = config.trainer.checkpoint_minutes
    checkpoint_plan = CheckpointPlan(folder, minutes, environment, checkpoint)
    history = fit(config, console, data, network, checkpoint_plan, replicas, on_epoch)
    if not replicas.is_chief:
        replicas.close()
        return {}
    end_training_stage(timer, history)

    commands = next_commands(config, folder.path, settings)
    trained = TrainedRun(
        folder=folder,
        config=config,
        command=["mtl-train", *settings],
        next_commands=commands,
        environment=environment,
        data=data,
        network=network,
        history=history,
    )
    scores = save_and_score(trained, console, timer)
    if config.trainer.profile:
        console.print_table(timer.table())
    replicas.close()
    print_paths(folder, console)
    first_command, _ = commands[0]
    console.print_line(f"try next:   {first_command}")
    return scores


def connect_and_build(
    config: Config,
    folder: RunFolder,
    console: Console,
    data: Data,
    earlier: EarlierRun | None,
    checkpoint: Checkpoint | None,
) -> "tuple[Replicas, Network, dict[str, Any]] | None":
    """Connects the processes of a run, builds its network and writes its environment.

    Returns: the processes, the network and the content of `environment.json`; None if
        the chief has finished the run already.
    """
    from mtl_cli.distributed.connect import connect
    from mtl_cli.network.build import build

    environment = provenance.environment(config, data.fingerprint)
    if earlier is not None:
        environment["start_from"] = earlier.lineage
    replicas = connect(config.trainer.strategy, folder.path, environment, console.warn)
    if replicas is None:
        return None
    network = build(config, data.features.layout, data.labels)
    length = config.trainer.length(data.splits["train"].num_rows)
    environment |= {
        "processes": replicas.size,
        "parameters": network.logits.count_params(),
        "length": length._asdict(),
    }
    if checkpoint is not None:
        warn_of_changes(checkpoint.values["environment"], environment, console)
    folder.write_json("environment.json", environment)
    return replicas, network, environment


def warn_of_changes(old: dict[str, Any], new: dict[str, Any], console: Console) -> None:
    """Warns of each change since a checkpoint that may change the results of the run.

    Args:
        old: the environment of the process that wrote the checkpoint.
        new: the environment of this process.
        console: prints the warnings.

    Raises:
        ConfigError: if the data has changed.
    """
    if old.get("data_hash") != new["data_hash"]:
        raise ConfigError(
            "dataset: the data has changed since the run was interrupted; name another "
            "folder in hydra.run.dir, or remove the run's folder"
        )
    for change in provenance.change_messages(old, new):
        console.warn(
            f"{change}: without the interruption, the run might give other numbers"
        )


def write_first_weights(
    network: "Network",
    config: Config,
    folder: RunFolder,
    console: Console,
    data: Data,
    vectors: dict[str, pretrained.PretrainedVectors],
    earlier: EarlierRun | None,
) -> "Network":
    """Sets the weights of a new network that do not start at random values.

    These are the biases of the towers if `trainer.initial_bias` is `labels`, the
    pretrained vectors, and the weights of the earlier run.

    Returns: the network, with the optimizer's state of the earlier run if there is one.
    """
    from mtl_cli.network.initial_bias import set_initial_biases

    if config.trainer.initial_bias == "labels":
        set_initial_biases(network, config, data.splits["train"])
    pretrained.write_into_tables(network, config, data.features, vectors)
    if earlier is None:
        return network
    from mtl_cli.runs.earlier_weights import start_from

    return start_from(network, config, folder, console, data.features, earlier)


def print_size(
    config: Config, console: Console, environment: dict[str, Any], num_rows: int
) -> None:
    """Prints the size of a network, and warns if it is too large for its training rows.

    Args:
        config: the configuration.
        console: prints the lines.
        environment: the content of `environment.json`.
        num_rows: the number of training rows.
    """
    num_parameters: int = environment["parameters"]
    batch_size = environment["length"]["batch_size"]
    console.print_line(
        f"{config.model.name} on {config.encoder.name}: {num_parameters:,} parameters, "
        f"batches of {batch_size} rows, tasks {', '.join(config.chosen_tasks)}"
    )
    if warning := size_warning(num_parameters, num_rows):
        console.warn(warning)


def size_warning(num_parameters: int, num_rows: int) -> str:
    """Returns a warning if a network has far more parameters than training rows."""
    if num_parameters <= MAX_PARAMETERS_PER_ROW * num_rows:
        return ""
    return (
        f"{num_parameters:,} parameters for {num_rows:,} training rows: the network "
        "can learn the rows by heart; choose smaller sizes in model and encoder"
    )


def fit(
    config: Config,
    console: Console,
    data: Data,
    network: "Network",
    checkpoint_plan: "CheckpointPlan",
    replicas: "Replicas",
    on_epoch: Callable[[int, dict[str, Any]], object],
) -> History:
    """Trains a network in place, and reports each epoch to the console and `on_epoch`.

    Only the chief of the replicas writes checkpoints.
    """
    from mtl_cli.runs.epoch_rows import epoch_row
    from mtl_cli.training.train import train

    # The terminal shows the outputs of the tasks, and no outputs that heads add.
    tasks = [output for output in config.outputs if not output.added_by_heads]
    length = config.trainer.length(data.splits["train"].num_rows)
    with (
        console.progress(length.epochs, tasks) as display,
        replicas.detect_lost_workers(),
        signals.deferred(),
    ):

        def show_and_report(epoch: Epoch) -> None:
            display.epoch(epoch)
            on_epoch(epoch.number, epoch_row(epoch))

        return train(
            config,
            network,
            data.splits["train"],
            data.splits.get("valid"),
            Progress(display.step, show_and_report),
            checkpoint_plan if replicas.is_chief else None,
            replicas,
        )


def end_training_stage(timer: StageTimer, history: History) -> None:
    """Ends the stage "train", and turns its parts into separate stages."""
    timer.end_stage("train")
    timer.split_off("train", "trace and compile the steps", history.compile_seconds)
    timer.split_off("train", "validate", history.validation_seconds)
    timer.split_off("train", "write checkpoints", history.checkpoint_seconds)
