"""Trains a network: epochs, validation, early stopping."""

import time
from typing import Any

import numpy as np

from mtl_cli.config.run_config import Config
from mtl_cli.core.errors import TrainingError
from mtl_cli.data.table import StoredTable, Table
from mtl_cli.distributed.replicas import Replicas
from mtl_cli.evaluation.scores import evaluate, monitored
from mtl_cli.metrics.scores import Scores
from mtl_cli.network.build import Network
from mtl_cli.training.feed import Feed, feed_of
from mtl_cli.training.losses import mean_losses
from mtl_cli.training.progress import Epoch, History, Progress
from mtl_cli.training.saving import Saving, Session
from mtl_cli.training.steps import Steps


def train(
    config: Config,
    network: Network,
    table: Table | StoredTable,
    valid: Table | StoredTable | None,
    progress: Progress,
    saving: Saving | None = None,
    replicas: Replicas | None = None,
) -> History:
    """Trains a network in place.

    Args:
        config: the run's configuration.
        network: to train; has the best epoch's weights afterwards if
            `trainer.patience` is set, the last one's otherwise.
        table: training rows.
        valid: validation rows, or None.
        progress: whom to tell.
        saving: of checkpoints, and the one to go on from; None for none.
        replicas: the processes that train together, if there are several.

    Raises:
        TrainingError: if a loss is no longer a finite number.
        Stopped: by Ctrl-C or SIGTERM; a checkpoint was written.
    """
    trainer, outputs = config.trainer, config.outputs
    replicas = replicas or Replicas()
    part = replicas.rank, replicas.size
    feed = feed_of(table, list(config.chosen_tasks), part)
    steps = Steps(config, network, table.rows, replicas)
    session = Session(network, steps, saving)
    if saving is not None and saving.start is not None:
        session.restore(saving.start)
    session.share()
    history = session.history
    while not over(config, history):
        number = len(history.epochs) + 1
        losses, seconds = train_epoch(config, session, feed, progress)
        scores: Scores = {}
        value = None
        if valid is not None or number == trainer.epochs:
            steps.store()
        if valid is not None and replicas.is_chief:
            start = time.perf_counter()
            scores = evaluate(outputs, valid, network.predict(valid))
            history.validating += time.perf_counter() - start
            value = monitored(trainer.monitor, outputs, scores)
        value = replicas.broadcast_number(value)
        if valid is not None and value is None and trainer.patience is not None:
            raise TrainingError(
                f"trainer.monitor: {trainer.monitor} is undefined on the "
                f"validation rows: {undefined(scores)}; set trainer.patience=null "
                "or give more validation rows"
            )
        epoch = Epoch(number, losses, scores, value, seconds, table.rows / seconds)
        if value is not None and value > history.best:
            history.kept, epoch.best = number, True
            if trainer.patience is not None:
                session.best = network.logits.get_weights()
        history.epochs.append(epoch)
        session.save()
        progress.epoch(epoch)
        session.between_calls()
    history.compiling = compiling(history.epochs)
    if session.best is not None:
        network.logits.set_weights(session.best)
    else:
        history.kept = len(history.epochs)
    if not all(np.isfinite(w).all() for w in network.logits.get_weights()):
        raise TrainingError(
            "the last step made weights infinite or NaN; lower "
            "optimizer.learning_rate or set optimizer.clip_norm"
        )
    return history


def over(config: Config, history: History) -> bool:
    """Whether all epochs are trained, or none was better for too long."""
    epochs, patience = len(history.epochs), config.trainer.patience
    waited_out = patience is not None and epochs - history.kept >= patience
    return epochs == config.trainer.epochs or waited_out


def compiling(epochs: list[Epoch]) -> float:
    """Returns how much longer the first epoch took than the others, in seconds."""
    others = [epoch.seconds for epoch in epochs[1:]]
    return max(0.0, epochs[0].seconds - float(np.median(others))) if others else 0.0


def train_epoch(
    config: Config, session: Session, feed: Feed, progress: Progress
) -> tuple[dict[str, float], float]:
    """Trains on all rows once; returns mean losses by task, and the seconds."""
    tasks, steps = list(config.chosen_tasks), session.steps
    number, done = len(session.history.epochs) + 1, session.done
    # Order and dropout depend on the seed and the epoch alone, not on what came before.
    slabs = feed.slabs(config.seed, number, steps.batch_size)
    start = time.perf_counter() - session.seconds
    for taken in steps.epoch(slabs, number, done):
        check_finite(tasks, taken[:, 0], number, done)
        session.taken.append(taken)
        session.seconds = time.perf_counter() - start
        done += len(taken)
        means = dict(zip(tasks, mean_losses(taken).tolist(), strict=True))
        rate = done * steps.batch_size / session.seconds
        progress.step(number, done / steps.per_epoch, means, rate)
        session.between_calls()
    whole = mean_losses(np.concatenate(session.taken)).tolist()
    seconds = session.seconds
    session.taken, session.seconds = [], 0.0
    return dict(zip(tasks, whole, strict=True)), seconds


def check_finite(tasks: list[str], losses: Any, epoch: int, before: int) -> None:
    """Raises an error that names the first task and step whose loss is not finite."""
    wrong = np.argwhere(~np.isfinite(losses))
    if len(wrong):
        step, task = wrong[0]
        raise TrainingError(
            f"loss of task {tasks[task]} became {losses[step, task]} in epoch {epoch}, "
            f"step {before + step + 1}; lower optimizer.learning_rate or set "
            "optimizer.clip_norm"
        )


def undefined(scores: Scores) -> str:
    """Says which tasks have undefined metrics, and why."""
    return "; ".join(
        f"{task}: {next(iter(found['why'].values()))}"
        for task, found in scores.items()
        if "why" in found
    )
