"""Validates a network after an epoch: scores it on the validation rows."""

import time

from mtl_cli.config.run_config import Config
from mtl_cli.core.errors import TrainingError
from mtl_cli.data.table import Table
from mtl_cli.heads.base import OutputMetric
from mtl_cli.metrics.score_dict import Scores
from mtl_cli.scoring.scores import monitored_value, score_outputs
from mtl_cli.training.state import TrainingState


def validate(
    config: Config, state: TrainingState, valid: Table, monitored: list[OutputMetric]
) -> tuple[Scores, float | None]:
    """Scores the validation rows in the chief, the process of rank 0.

    `monitored` are the outputs and metrics whose mean is the monitored value.

    Returns: the scores, {} in processes other than the chief; and the monitored value,
        or None if the monitored value is undefined. All processes get the same
        monitored value.

    Raises:
        TrainingError: if the monitored value is undefined, but early stopping needs it.
    """
    monitor, replicas = config.trainer.monitor, state.steps.replicas
    scores: Scores = {}
    value = None
    reason = "see the message of the chief process"
    if replicas.is_chief:
        start = time.perf_counter()
        scores = score_outputs(config.outputs, valid, state.network.predict(valid))
        state.history.validation_seconds += time.perf_counter() - start
        value = monitored_value(monitored, scores)
        reason = undefined_message(monitored, scores)
    value = replicas.broadcast_number(value)
    if value is None and config.trainer.patience is not None:
        # `check_monitor` has made sure that the labels suffice. So predictions that are
        # huge or not finite make the value undefined, and more rows would not help.
        raise TrainingError(
            f"trainer.monitor: {monitor} is undefined on the validation rows: "
            f"{reason}; look for huge numbers in the features of the validation rows, "
            "or set trainer.patience=null"
        )
    return scores, value


def undefined_message(metrics: list[OutputMetric], scores: Scores) -> str:
    """Says why each undefined metric of the monitored value is undefined.

    The text is "" if all metrics are defined.
    """
    return "; ".join(
        f"{output.name}: {scores[output.name]['why'][metric]}"
        for output, metric in metrics
        if scores[output.name][metric] is None
    )
