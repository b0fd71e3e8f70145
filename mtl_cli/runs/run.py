"""Runs a configuration: reads the data, builds and trains a network, scores it."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from mtl_cli.config.run_config import Config
from mtl_cli.core import signals, tensorflow_runtime
from mtl_cli.core.run_folder import RunFolder
from mtl_cli.metrics.score_dict import Scores
from mtl_cli.runs.build_network import (
    RunInputs,
    connect_and_build,
    print_size,
    write_first_weights,
)
from mtl_cli.runs.console import Console
from mtl_cli.runs.earlier_run import read_earlier_run
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


def run(
    config: Config,
    folder: RunFolder,
    console: Console,
    settings: list[str],
    checkpoint: Checkpoint | None = None,
    on_epoch: Callable[[Epoch], object] = lambda _: None,
) -> dict[str, Scores]:
    """Trains and scores one model, and writes the files of its run folder.

    Args:
        config: the checked configuration.
        folder: the run folder, locked for this process.
        console: prints to the terminal and to the log.
        settings: the flags and settings that the user typed.
        checkpoint: the state to continue from; None to train from the beginning.
        on_epoch: is called with each finished epoch.

    Returns: the content of `metrics.json`, {split: {output: score}}; {} if this process
        has scored nothing: with `check_only`, in a process that is not the chief, and
        if the chief has finished the run already.
    """
    timer = StageTimer()
    earlier = read_earlier_run(config, folder.path, is_resumed=checkpoint is not None)
    data, vectors, unmonitored = read_data(config, folder, console, earlier)
    if config.check_only:
        console.print_data_report(data.report, config.outputs)
        console.print_line("check_only: nothing was trained")
        return {}
    timer.end_stage("read, check and encode the data")

    tensorflow_runtime.start(config.seed, config.trainer.deterministic)
    from mtl_cli.training.state import CheckpointPlan

    timer.end_stage("load TensorFlow")

    inputs = RunInputs(
        config=config,
        folder=folder,
        console=console,
        data=data,
        vectors=vectors,
        unmonitored=unmonitored,
        earlier=earlier,
        checkpoint=checkpoint,
    )
    connected = connect_and_build(inputs)
    if connected is None:  # the chief has finished the run already
        return {}
    replicas, network, environment = connected
    network = write_first_weights(inputs, network)
    print_size(inputs, environment)
    timer.end_stage("build the network")

    minutes = config.trainer.checkpoint_minutes
    checkpoint_plan = CheckpointPlan(folder, minutes, environment, checkpoint)
    history = fit(inputs, network, checkpoint_plan, replicas, on_epoch)
    if not replicas.is_chief:
        replicas.close()
        return {}
    timer.end_stage("train")
    timer.split_off("train", "trace and compile the steps", history.compile_seconds)
    timer.split_off("train", "validate", history.validation_seconds)
    timer.split_off("train", "write checkpoints", history.checkpoint_seconds)

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
    print_paths(folder, folder.path, console)
    first_command, _ = commands[0]
    console.print_line(f"try next:   {first_command}")
    return scores


def fit(
    inputs: RunInputs,
    network: "Network",
    checkpoint_plan: "CheckpointPlan",
    replicas: "Replicas",
    on_epoch: Callable[[Epoch], object],
) -> History:
    """Trains a network in place, and reports each epoch to the console and `on_epoch`.

    Only the chief of the replicas writes checkpoints.
    """
    from mtl_cli.training.train import train

    config, data = inputs.config, inputs.data
    # The terminal shows the outputs of the tasks, and no outputs that heads add.
    tasks = [output for output in config.outputs if not output.added_by_heads]
    length = config.training_length(inputs.num_training_rows)
    with (
        inputs.console.progress(length.epochs, tasks) as display,
        replicas.detect_lost_workers(),
        signals.deferred(),
    ):

        def show_and_report(epoch: Epoch) -> None:
            display.epoch(epoch)
            on_epoch(epoch)

        return train(
            config,
            network,
            table=data.splits["train"],
            valid=data.splits.get("valid"),
            progress=Progress(display.step, show_and_report),
            checkpoint_plan=checkpoint_plan if replicas.is_chief else None,
            replicas=replicas,
            unmonitored=inputs.unmonitored,
        )
