"""The tracker `tensorboard`: writes event files into the run folder."""

from pathlib import Path
from typing import Any, ClassVar

from pydantic import PrivateAttr

from mtl_cli.core import tensorflow_runtime
from mtl_cli.metrics.score_dict import Scores
from mtl_cli.trackers.base import Tracker, flat_numbers


class TensorBoard(Tracker):
    """A tracker that writes `RUN/tensorboard`; see `tensorboard --logdir outputs`."""

    package: ClassVar[str] = "tensorboard"
    _writer: Any = PrivateAttr(None)
    _last_epoch: int = PrivateAttr(0)

    def start(self, run: Path, values: dict[str, Any]) -> None:
        # TensorBoard imports TensorFlow. `load` imports it first, without the log lines
        # that TensorFlow would print to the terminal.
        tensorflow_runtime.load()
        from tensorboard.summary import Writer

        self._writer = Writer(str(run / "tensorboard"))

    def resume(self, number: int) -> None:
        self._last_epoch = number

    def epoch(self, number: int, row: dict[str, Any]) -> None:
        self._last_epoch = number
        for name, value in flat_numbers(row).items():
            self._writer.add_scalar(name, value, number, wall_time=self._event_time)
        self._writer.flush()

    def end(self, scores: dict[str, Scores] | None) -> None:
        for name, value in flat_numbers(scores or {}, "final.").items():
            self._writer.add_scalar(name, value, self._last_epoch)
        self._writer.close()
