"""The keys of `trainer.*`: the length of training, its steps and its hardware."""

import math
from typing import Literal, NamedTuple

from mtl_cli.core.options import Count, FractionBelowOne, Options, Positive

# The targets of `auto`, see `Trainer.length`.
STEPS_PER_EPOCH = 60
MIN_BATCH_SIZE, MAX_BATCH_SIZE = 32, 512  # powers of two
USUAL_EPOCHS = 20
USUAL_STEPS = 1200
EARLY_STOPPING_FACTOR = 3
MIN_PATIENCE = 3  # epochs
PATIENCE_STEPS = 180


class Trainer(Options):
    """The keys of training: its length, its steps and its hardware.

    Attributes:
        epochs: largest number of passes over the training rows. `auto`, here and in the
            next two keys, chooses by the number of training rows, see `length`. With a
            `patience` and a constant learning rate, `auto` allows three times as many
            epochs: early stopping ends the training.
        batch_size: number of training rows in a step.
        patience: number of epochs without a better validation metric after which
            training stops and the weights of the best epoch are restored. null trains
            all epochs; the run then keeps the weights of the last epoch, or their
            average if `ema_decay` is not 0.
        monitor: the validation metric that early stopping watches. `auto`: the mean
            over the tasks of one metric each: normalised entropy for probabilities, R2
            for regressions, D2 for amounts; if a task's `metrics` lack it, the task's
            first metric. `mean`: the mean over the tasks of each task's first metric.
            `TASK`, the name of a task: the first metric of this task. `mean.METRIC` or
            `TASK.METRIC`: another metric, as in `mean.log_loss` or `income.pr_auc`. A
            task's first metric is the first of its `metrics`, by default the first
            metric of its kind, such as AUC. Metrics for which lower is better, such as
            normalised entropy, count with a minus sign. A mean over the tasks leaves
            out each task whose metric is undefined on the validation rows, for example
            because all labels are of one class. Tasks with fewer than 50 validation
            rows of their rarer label count less, in proportion to these rows; so do
            tasks that are not binary and have fewer than 50 validation rows.
        ema_decay: decay of the exponential moving average of the weights over epochs.
            After each epoch, the average becomes `ema_decay` times the old average plus
            1 - `ema_decay` times the new weights; in the first epochs, the new weights
            count for more. The average is scored on validation rows and kept by the
            run. Training goes on with the weights themselves. With 0 there is no
            average.
        initial_bias: the biases of the towers' last layers before the first step. With
            `labels`, the biases alone give the constant prediction with the lowest
            training loss, such as the share of each class among the training rows, the
            mean of an amount, or the mean of the transformed labels of a regression.
            With `zeros`, the biases are 0.
        calibration: the calibration of probabilities and mean amounts on the validation
            rows, after training. `temperature`: scales the logits of probabilities.
            `platt`: scales and shifts the logits of probabilities; multiplies the
            predictions of amounts by a factor. `none`: changes nothing. `auto`: chooses
            `platt` for a task if that lowers the loss of validation rows that were not
            used for the fit, else `none`.
        compile: whether XLA compiles the steps; `auto` compiles if the run is long
            enough to make up for the time of compilation.
        precision: number type in which the layers compute: `float32` or `bfloat16`;
            `bfloat16` is faster on accelerators. Weights, logits and losses are always
            float32.
        deterministic: whether the same command gives the same numbers, bit by bit.
        strategy: the processes that train. With null a single process trains, with
            `mirrored` one process per GPU of this machine, and with `multi_worker` the
            processes that `TF_CONFIG` or Slurm names.
        profile: whether to print the seconds of each stage at the end of the run.
        checkpoint_minutes: minutes between checkpoints within an epoch; null writes
            checkpoints only at the ends of epochs.
    """

    epochs: Literal["auto"] | Count
    batch_size: Literal["auto"] | Count
    patience: Literal["auto"] | Count | None
    monitor: str
    # The next two defaults are for runs that were saved before these keys existed.
    ema_decay: FractionBelowOne = 0.0
    initial_bias: Literal["labels", "zeros"] = "zeros"
    calibration: Literal["auto", "none", "temperature", "platt"]
    compile: Literal["auto"] | bool
    precision: Literal["float32", "bfloat16"]
    deterministic: bool
    strategy: Literal["mirrored", "multi_worker"] | None
    profile: bool
    checkpoint_minutes: Positive | None

    @property
    def needs_calibration(self) -> bool:
        return self.calibration in ("temperature", "platt")

    def length(self, num_rows: int, is_rate_constant: bool) -> "Length":
        """Returns the length of the training on a number of training rows.

        With `auto`, an epoch has about `STEPS_PER_EPOCH` steps, and the training about
        `USUAL_STEPS`: a small table gets more epochs and more patience.

        With early stopping and a constant learning rate, there are more epochs, because
        on some tables training still improves after the usual ones. A schedule would
        stretch over all of them, and at an early stop the rate would hardly have
        fallen.
        """
        batch_size = self.batch_size
        if batch_size == "auto":
            rows_per_step = num_rows / STEPS_PER_EPOCH
            rows_per_step = min(max(rows_per_step, MIN_BATCH_SIZE), MAX_BATCH_SIZE)
            batch_size = 2 ** round(math.log2(rows_per_step))
        steps_per_epoch = math.ceil(num_rows / batch_size)
        epochs = max(USUAL_EPOCHS, USUAL_STEPS // steps_per_epoch)
        if self.patience is not None and is_rate_constant:
            epochs *= EARLY_STOPPING_FACTOR
        patience = max(MIN_PATIENCE, PATIENCE_STEPS // steps_per_epoch)
        return Length(
            batch_size,
            epochs=epochs if self.epochs == "auto" else self.epochs,
            patience=patience if self.patience == "auto" else self.patience,
        )


class Length(NamedTuple):
    """The length of a training: keys of `Trainer`, with numbers in place of `auto`."""

    batch_size: int
    epochs: int
    patience: int | None
