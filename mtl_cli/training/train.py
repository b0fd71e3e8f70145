"""Trains a network: the loop over epochs, with validation and early stopping."""

import time

import numpy as np
import numpy.typing as npt

from mtl_cli.config.run_config import Config
from mtl_cli.config.trainer import Length
from mtl_cli.core.errors import TrainingError
from mtl_cli.data.table import StoredTable, Table
from mtl_cli.distributed.replicas import Replicas
from mtl_cli.metrics.metrics_json import Scores
from mtl_cli.network.build import Network
from mtl_cli.scoring.scores import monitored_value, score_outputs
from mtl_cli.training import optimizer_state
from mtl_cli.training.feed import Feed, feed_of
from mtl_cli.training.losses import mean_losses
from mtl_cli.training.progress import Epoch, History, Progress
from mtl_cli.training.state import CheckpointPlan, TrainingState
from mtl_cli.training.steps import Steps


def train(
    config: Config,
    network: Network,
    table: Table | StoredTable,
    valid: Table | StoredTable | None,
    progress: Progress,
    plan: CheckpointPlan | None = None,
    replicas: Replicas | None = None,
) -> History:
    """Trains a network in place, and saves the state of its optimizer.

    Args:
        config: the run's configuration.
        network: the network to train. Afterwards it has the weights of the best epoch
            if `trainer.patience` is set, else the weights of the last epoch. With
            `trainer.ema_decay`, these are moving averages.
        table: the training rows.
        valid: the validation rows, or None.
        progress: the functions to call while the training runs.
        plan: the folder of checkpoints, and the checkpoint to resume from; None writes
            no checkpoints, and no state of the optimizer.
        replicas: the processes that train together; None if this process is alone.

    Returns: the epochs of the training. After a resume, they include the epochs before
        the interruption.

    Raises:
        TrainingError: if a loss or a weight is no longer a finite number, or if the
            monitored metric is undefined.
        Stopped: if this or another process has received Ctrl-C or SIGTERM. A checkpoint
            is written before.
    """
    replicas = replicas or Replicas()
    feed = feed_of(table, list(config.chosen_tasks), (replicas.rank, replicas.size))
    steps = Steps(config, network, table.num_rows, replicas)
    state = TrainingState(network, steps, plan)
    if plan is not None and plan.resume_from is not None:
        state.restore(plan.resume_from)
    elif network.earlier_optimizer is not None:
        optimizer_state.restore(network, steps, network.earlier_optimizer)
    state.broadcast()  # only the chief may have restored a state
    history = state.history
    length = steps.length
    while not is_over(length, history):
        number = len(history.epochs) + 1
        compiled_before = steps.compile_seconds
        losses, task_weights, seconds = train_epoch(config, state, feed, progress)
        epoch = Epoch(number, losses, {}, None, seconds, table.num_rows / seconds)
        if steps.balancer.changes_weights:
            epoch.task_weights = task_weights
        epoch.compile_seconds = steps.compile_seconds - compiled_before
        # The average of a single epoch would be its weights.
        decay = config.trainer.ema_decay if length.epochs > 1 else 0.0
        if valid is not None or decay or number == length.epochs:
            steps.copy_tables_to_network()
        state.update_average(number, decay)
        if valid is not None:
            with state.averaged_network():
                epoch.valid, epoch.monitored = validate(config, state, valid)
        if epoch.monitored is not None and epoch.monitored > history.best_value:
            history.kept_epoch, epoch.best = number, True
            if length.patience is not None:
                state.best_weights = state.weights_to_keep()
        history.epochs.append(epoch)
        state.save()
        progress.epoch(epoch)
        state.save_or_stop()
    if plan is not None:
        optimizer_state.save(plan.folder, network, steps)
    history.compile_seconds = steps.compile_seconds
    if state.best_weights is not None:
        network.logits.set_weights(state.best_weights)
    else:
        history.kept_epoch = len(history.epochs)
        if state.average is not None:
            network.logits.set_weights(state.average)
    if not all(np.isfinite(w).all() for w in network.logits.get_weights()):
        raise TrainingError(
            "the last step made weights infinite or NaN; lower "
            "optimizer.learning_rate or set optimizer.clip_norm"
        )
    return history


def is_over(length: Length, history: History) -> bool:
    """Whether all epochs are trained, or early stopping ends the training.

    Early stopping waits `patience` epochs for an epoch that is better than the best.
    """
    num_epochs, patience = len(history.epochs), length.patience
    stops_early = patience is not None and num_epochs - history.kept_epoch >= patience
    return num_epochs == length.epochs or stops_early


def train_epoch(
    config: Config, state: TrainingState, feed: Feed, progress: Progress
) -> tuple[dict[str, float], dict[str, float], float]:
    """Trains on all rows once, or on the remaining rows of an interrupted epoch.

    Returns: the mean loss of each task over the whole epoch, {task: loss}; the mean of
        the weights that the balancing method has given each task, over the steps with
        rows of the task, {task: weight}; and the duration of the whole epoch in
        seconds, without the time of compiling.
    """
    tasks, steps = list(config.chosen_tasks), state.steps
    number, steps_done = len(state.history.epochs) + 1, state.steps_done
    # The order of the rows depends on seed and epoch only, so that a resumed run
    # continues in the same order.
    buffers = feed.buffers(config.seed, number, steps.batch_size)
    start = time.perf_counter() - state.seconds - steps.compile_seconds
    for losses in steps.epoch(buffers, number, steps_done):
        check_finite(tasks, losses[:, 0], number, steps_done)
        state.step_losses.append(losses)
        state.seconds = time.perf_counter() - start - steps.compile_seconds
        steps_done += len(losses)
        means = dict(zip(tasks, mean_losses(losses).tolist(), strict=True))
        finished = steps_done / steps.steps_per_epoch
        samples_per_second = steps_done * steps.batch_size / state.seconds
        progress.step(number, finished, means, samples_per_second)
        state.save_or_stop()
    all_losses = np.concatenate(state.step_losses)
    epoch_means = dict(zip(tasks, mean_losses(all_losses).tolist(), strict=True))
    had_rows = all_losses[:, 1] > 0
    mean_weights = (all_losses[:, 2] * had_rows).sum(axis=0, dtype="float64")
    mean_weights /= np.maximum(had_rows.sum(axis=0), 1)
    seconds = state.seconds
    state.step_losses, state.seconds = [], 0.0
    weights = dict(zip(tasks, mean_weights.tolist(), strict=True))
    return epoch_means, weights, seconds


def check_finite(
    tasks: list[str], losses: npt.NDArray[np.floating], epoch: int, steps_before: int
) -> None:
    """Raises an error that names the first step and task whose loss is not finite.

    Args:
        tasks: names of the tasks.
        losses: (steps, tasks), the losses of some steps.
        epoch: number of the epoch, from 1.
        steps_before: number of steps of the epoch before the first of `losses`.
    """
    not_finite = np.argwhere(~np.isfinite(losses))
    if len(not_finite):
        step, task = not_finite[0]
        raise TrainingError(
            f"loss of task {tasks[task]} became {losses[step, task]} in epoch {epoch}, "
            f"step {steps_before + step + 1}; lower optimizer.learning_rate or set "
            "optimizer.clip_norm"
        )


def validate(
    config: Config, state: TrainingState, valid: Table | StoredTable
) -> tuple[Scores, float | None]:
    """Scores the validation rows in the chief process.

    Returns: the scores and the monitored value. The scores are empty in processes other
        than the chief. The monitored value is the same in all processes; None means
        that the value is undefined.

    Raises:
        TrainingError: if the monitored value is undefined, but early stopping needs it.
    """
    monitor, replicas = config.trainer.monitor, state.steps.replicas
    scores: Scores = {}
    value = None
    if replicas.is_chief:
        start = time.perf_counter()
        scores = score_outputs(config.outputs, valid, state.network.predict(valid))
        state.history.validation_seconds += time.perf_counter() - start
        value = monitored_value(monitor, config.outputs, scores)
    value = replicas.broadcast_number(value)
    if value is None and config.trainer.patience is not None:
        reasons = "; ".join(
            f"{task}: {next(iter(metrics['why'].values()))}"
            for task, metrics in scores.items()
            if "why" in metrics
        )
        raise TrainingError(
            f"trainer.monitor: {monitor} is undefined on the validation rows: "
            f"{reasons}; set trainer.patience=null or give more validation rows"
        )
    return scores, value
