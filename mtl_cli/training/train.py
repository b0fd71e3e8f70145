"""Trains a network: the loop over epochs, with validation and early stopping."""

import time
from collections.abc import Collection

import numpy as np
import numpy.typing as npt

from mtl_cli.config.monitor import monitored_metrics
from mtl_cli.config.run_config import Config
from mtl_cli.config.trainer import Length
from mtl_cli.core.errors import TrainingError
from mtl_cli.core.plugin_code import chosen_plugins
from mtl_cli.data.table import Table
from mtl_cli.distributed.replicas import Replicas
from mtl_cli.heads.base import OutputMetric
from mtl_cli.metrics.score_dict import Scores
from mtl_cli.network.network import Network
from mtl_cli.scoring.scores import monitored_value, score_outputs
from mtl_cli.training import optimizer_state
from mtl_cli.training.checkpoint import remove_checkpoints_after
from mtl_cli.training.feed import Feed, make_feed
from mtl_cli.training.losses import mean_losses, mean_task_weights
from mtl_cli.training.progress import Epoch, History, Progress
from mtl_cli.training.state import CheckpointPlan, TrainingState, restore
from mtl_cli.training.steps import Steps

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

    Afterwards the network has the weights of the best epoch if `trainer.patience` is
    set, else the weights of the last epoch. With `trainer.ema_decay`, these are moving
    averages.

    Args:
        config: the run's configuration.
        network: the network to train.
        table: the training rows.
        valid: the validation rows, if any.
        progress: the functions to call while the training runs.
        checkpoint_plan: None writes neither checkpoints nor the optimizer's state.
        replicas: the processes that train together; None if this process is alone.
        unmonitored: the tasks that early stopping does not watch.

    Returns: the history of all epochs, also of the epochs before an interruption.

    Raises:
        TrainingError: if a loss, a weight or a monitored metric is no longer finite.
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
    num_epochs, patience = len(history.epochs), length.patience
    is_stopped = patience is not None and num_epochs - history.best_epoch >= patience
    return is_stopped or num_epochs == length.epochs


def train_epoch(
    config: Config, state: TrainingState, feed: Feed, progress: Progress
) -> Epoch:
    """Trains on all rows once, or on the remaining rows of an interrupted epoch.

    Returns the whole epoch, including the steps before an interruption.
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
        if not np.isfinite(values[:, 0]).all():
            all_losses = np.concatenate(state.step_values)[:, 0]
            step, task = np.argwhere(~np.isfinite(all_losses))[0]
            raise TrainingError(
                f"loss of task {tasks[task]} became {all_losses[step, task]} in epoch "
                f"{number}, step {step + 1}; {NOT_FINITE_FIX}"
                f"{chosen_plugins(config.model_dump(mode='json'))}"
            )
        compile_seconds = steps.compile_seconds - compile_seconds_before
        seconds = time.perf_counter() - start - compile_seconds
        state.seconds = seconds_before + seconds
        steps_done += len(values)
        progress.step(
            number,
            steps_done / steps.steps_per_epoch,
            by_task(tasks, mean_losses(values)),
            steps_done * steps.batch_size / state.seconds,
        )
        state.stop_if_signalled()
        state.save_if_due()
    epoch = summarize_steps(state, tasks, number, compile_seconds)
    state.step_values, state.seconds = [], 0.0
    return epoch


def summarize_steps(
    state: TrainingState, tasks: list[str], number: int, compile_seconds: float
) -> Epoch:
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
    return dict(zip(tasks, values.tolist(), strict=True))


def finish_epoch(
    config: Config,
    state: TrainingState,
    epoch: Epoch,
    valid: Table | None,
    monitored: list[OutputMetric],
) -> None:
    """Averages and validates the weights, and adds the epoch to the history."""
    steps, length, model = state.steps, state.steps.length, state.network.logits
    # A run of one epoch has no average: the average would equal the weights.
    decay = config.trainer.ema_decay if length.epochs > 1 else 0.0
    if valid is not None or decay > 0 or epoch.number == length.epochs:
        steps.copy_tables_to_network()
    if decay > 0 and steps.replicas.is_chief:  # only the chief validates
        state.average.update(model, epoch.number, decay)
    if valid is not None:
        with state.average.swapped_into(model):
            epoch.valid, epoch.monitored = validate(config, state, valid, monitored)
    if epoch.monitored is not None and epoch.monitored > state.history.best_value:
        epoch.best = True
        if length.patience is not None:
            state.best_weights = state.weights_to_keep()
    state.history.epochs.append(epoch)


def validate(
    config: Config, state: TrainingState, valid: Table, monitored: list[OutputMetric]
) -> tuple[Scores, float | None]:
    """Scores the validation rows in the chief, the process of rank 0.

    Returns: the scores, {} in processes other than the chief; and the monitored value
        in all processes, None if it is undefined.
    """
    monitor, replicas = config.trainer.monitor, state.steps.replicas
    scores: Scores = {}
    value, reasons = None, list[str]()
    if replicas.is_chief:
        start = time.perf_counter()
        scores = score_outputs(config.outputs, valid, state.network.predict(valid))
        state.history.validation_seconds += time.perf_counter() - start
        value = monitored_value(monitored, scores)
        reasons = [
            f"{output.name}: {scores[output.name]['why'][metric]}; "
            for output, metric in monitored
            if scores[output.name][metric] is None
        ]
    value = replicas.broadcast_number(value)
    if value is None and config.trainer.patience is not None:
        # `check_monitor` has made sure that the labels suffice. So predictions that are
        # huge or not finite make the value undefined, and more rows would not help.
        raise TrainingError(
            f"trainer.monitor: {monitor} is undefined on the validation rows: "
            f"{''.join(reasons)}look for huge numbers in the features of the "
            "validation rows, or set trainer.patience=null"
            f"{chosen_plugins(config.model_dump(mode='json'))}"
        )
    return scores, value


def set_final_weights(state: TrainingState) -> None:
    """Gives the network the weights of the best epoch, or else of the last epoch."""
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
