"""Trains a network: the loop over epochs, with validation and early stopping."""

import time
from collections.abc import Collection

import numpy as np
import numpy.typing as npt

from mtl_cli.config.monitor import monitored_metrics
from mtl_cli.config.run_config import Config
from mtl_cli.config.trainer import Length
from mtl_cli.core.errors import TrainingError
from mtl_cli.data.table import Table
from mtl_cli.distributed.replicas import Replicas
from mtl_cli.heads.base import OutputMetric
from mtl_cli.network.network import Network
from mtl_cli.training import optimizer_state
from mtl_cli.training.checkpoint import remove_checkpoints_after
from mtl_cli.training.feed import Feed, make_feed
from mtl_cli.training.losses import mean_losses, mean_task_weights
from mtl_cli.training.progress import Epoch, History, Progress
from mtl_cli.training.restore_state import restore
from mtl_cli.training.state import CheckpointPlan, TrainingState
from mtl_cli.training.steps import Steps
from mtl_cli.training.validation import validate

NOT_FINITE_FIX = "lower optimizer.learning_rate or set optimizer.clip_norm"


def train(
    config: Config,
    network: Network,
    table: Table,
    valid: Table | None,
    progress: Progress,
    checkpoint_plan: CheckpointPlan | None = None,
    replicas: Replicas | None = None,
    unmonitored: Collection[str] = (),
) -> History:
    """Trains a network in place.

    Args:
        config: the run's configuration.
        network: the network to train. Afterwards it has the weights of the best epoch
            if `trainer.patience` is set, else the weights of the last epoch. With
            `trainer.ema_decay`, these are moving averages.
        table: the training rows.
        valid: the validation rows, if any.
        progress: the functions to call while the training runs.
        checkpoint_plan: None writes neither checkpoints nor the state of the optimizer
            after the last step.
        replicas: the processes that train together; None if this process is alone.
        unmonitored: the tasks that early stopping does not watch, see
            `unmonitored_tasks` in `scoring/check_monitor.py`.

    Returns: the history of all epochs, also of the epochs before an interruption.

    Raises:
        TrainingError: if a loss or a weight is no longer a finite number, or if early
            stopping needs the monitored metric, but the metric is undefined.
        Stopped: if this or another process has received a signal to end. A checkpoint
            is written before.
    """
    replicas = replicas or Replicas()
    shard = (replicas.rank, replicas.size)
    feed = make_feed(table, list(config.chosen_tasks), shard)
    steps = Steps(config, network, feed.rows_per_epoch, replicas)
    state = TrainingState(network, steps, checkpoint_plan)
    monitored = monitored_metrics(config.trainer.monitor, config.outputs, unmonitored)
    checkpoint = None if checkpoint_plan is None else checkpoint_plan.resume_from
    if checkpoint is not None:
        restore(state, checkpoint)
    elif network.earlier_optimizer is not None:
        optimizer_state.restore(network, steps, network.earlier_optimizer)
    if checkpoint_plan is not None:
        remove_checkpoints_after(checkpoint, run=checkpoint_plan.folder.path)
    state.broadcast()  # only the chief has a checkpoint to resume from
    while not is_over(steps.length, state.history):
        epoch = train_epoch(config, state, feed, progress)
        finish_epoch(config, state, epoch, valid, monitored)
        state.save()
        progress.epoch(epoch)
        state.stop_if_signalled()
    if checkpoint_plan is not None:
        optimizer_state.save(checkpoint_plan.folder, network, steps)
    state.history.compile_seconds = steps.compile_seconds
    set_final_weights(state)
    return state.history


def is_over(length: Length, history: History) -> bool:
    """Whether all epochs are trained, or none of the last `patience` is the best."""
    num_epochs = len(history.epochs)
    if num_epochs == length.epochs:
        return True
    if length.patience is None:
        return False
    return num_epochs - history.best_epoch >= length.patience


def train_epoch(
    config: Config, state: TrainingState, feed: Feed, progress: Progress
) -> Epoch:
    """Trains on all rows once, or on the remaining rows of an interrupted epoch.

    Returns the whole epoch, including the steps before an interruption, without the
    results of a validation.
    """
    tasks = list(config.chosen_tasks)
    steps = state.steps
    number = len(state.history.epochs) + 1
    steps_done = state.steps_done
    # The order of the rows depends on the seed and the epoch only, so a resumed run
    # continues in the same order.
    buffers = feed.buffers(config.seed, number, steps.batch_size)
    compile_seconds_before = steps.compile_seconds
    compile_seconds = 0.0
    seconds_before = state.seconds  # 0 unless the epoch was interrupted
    start = time.perf_counter()
    for values in steps.epoch(buffers, number, steps_done):  # (steps, 3, T)
        state.step_values.append(values)
        losses = values[:, 0]
        if not np.isfinite(losses).all():
            raise not_finite_error(config, np.concatenate(state.step_values), number)
        compile_seconds = steps.compile_seconds - compile_seconds_before
        seconds = time.perf_counter() - start - compile_seconds
        state.seconds = seconds_before + seconds
        steps_done += len(values)
        finished_fraction = steps_done / steps.steps_per_epoch
        samples_per_second = steps_done * steps.batch_size / state.seconds
        means = by_task(tasks, mean_losses(values))
        progress.step(number, finished_fraction, means, samples_per_second)
        state.stop_if_signalled()
        state.save_if_due()
    epoch = summarize_steps(state, tasks, number, compile_seconds)
    state.step_values, state.seconds = [], 0.0
    return epoch


def summarize_steps(
    state: TrainingState, tasks: list[str], number: int, compile_seconds: float
) -> Epoch:
    """Returns an epoch with the means over its steps, before its validation."""
    steps = state.steps
    step_values = np.concatenate(state.step_values)
    epoch = Epoch(
        number=number,
        losses=by_task(tasks, mean_losses(step_values)),
        valid={},
        monitored=None,
        seconds=state.seconds,
        samples_per_second=steps.num_rows / state.seconds,
        compile_seconds=compile_seconds,
    )
    if steps.balancer.changes_weights:
        epoch.task_weights = by_task(tasks, mean_task_weights(step_values))
    return epoch


def by_task(tasks: list[str], values: npt.NDArray[np.floating]) -> dict[str, float]:
    """Returns {task: value}. There is one value per task, (T,)."""
    return dict(zip(tasks, values.tolist(), strict=True))


def not_finite_error(
    config: Config, step_values: npt.NDArray[np.floating], epoch: int
) -> TrainingError:
    """Returns the error that names the first step and task whose loss is not finite.

    If the balancing method has made an infinite or NaN weight in an earlier step, the
    error names this weight instead. `step_values` are the values of the first steps of
    an epoch, (steps, 3, T), in the order of `VALUES_PER_TASK`.
    """
    losses, _, task_weights = np.moveaxis(step_values, 1, 0)  # (steps, T) each
    tasks = list(config.chosen_tasks)
    step, task = np.argwhere(~np.isfinite(losses))[0]
    subject, values, fix = "loss", losses, NOT_FINITE_FIX
    wrong_weights = np.argwhere(~np.isfinite(task_weights[:step]))
    if len(wrong_weights):
        step, task = wrong_weights[0]
        subject = f"balancing={config.balancing.name}: the weight"
        values = task_weights
        fix = f"correct or change this method, or {NOT_FINITE_FIX}"
    return TrainingError(
        f"{subject} of task {tasks[task]} became {values[step, task]} in epoch {epoch},"
        f" step {step + 1}; {fix}"
    )


def finish_epoch(
    config: Config,
    state: TrainingState,
    epoch: Epoch,
    valid: Table | None,
    monitored: list[OutputMetric],
) -> None:
    """Averages and validates the weights, and adds the epoch to the history.

    If the epoch is the best so far and early stopping is on, `state` keeps a copy of
    the weights.
    """
    history = state.history
    steps = state.steps
    network = state.network
    length = steps.length
    # A run of one epoch has no average: the average would equal the weights.
    decay = config.trainer.ema_decay if length.epochs > 1 else 0.0
    needs_weights = valid is not None or decay > 0
    if needs_weights or epoch.number == length.epochs:
        steps.copy_tables_to_network()
    if decay > 0 and steps.replicas.is_chief:  # only the chief validates
        state.average.update(network.logits, epoch.number, decay)
    if valid is not None:
        with state.average.swapped_into(network.logits):
            epoch.valid, epoch.monitored = validate(config, state, valid, monitored)
    if epoch.monitored is not None and epoch.monitored > history.best_value:
        epoch.best = True
        if length.patience is not None:
            state.best_weights = state.weights_to_keep()
    history.epochs.append(epoch)


def set_final_weights(state: TrainingState) -> None:
    """Gives the network the weights of the best epoch, or else of the last epoch.

    Raises:
        TrainingError: in the chief, if a weight is not a finite number.
    """
    history, model = state.history, state.network.logits
    if state.best_weights is not None:
        history.kept_epoch = history.best_epoch
        model.set_weights(state.best_weights)
    else:
        history.kept_epoch = len(history.epochs)
        if state.average.arrays:
            model.set_weights(state.average.arrays)
    # Only the chief's weights are checked and saved: after a resume, the other
    # processes do not have the weights of an earlier best epoch.
    is_chief = state.steps.replicas.is_chief
    if is_chief and not all(np.isfinite(w).all() for w in model.get_weights()):
        raise TrainingError(f"training made weights infinite or NaN; {NOT_FINITE_FIX}")
