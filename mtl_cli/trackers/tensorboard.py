"""TensorBoard: event files in the run folder."""

from pathlib import Path
from typing import Any, ClassVar

from pydantic import PrivateAttr

from mtl_cli.core import tensorflow_runtime
from mtl_cli.metrics.scores import Scores
from mtl_cli.trackers.base import Tracker, numbers


class TensorBoard(Tracker):
    """Writes `RUN/tensorboard`; `tensorboard --logdir outputs` shows all runs."""

    package: ClassVar[str] = "tensorboard"
    _writer: Any = PrivateAttr(None)
    _last: int = PrivateAttr(0)

    def start(self, run: Path, values: dict[str, Any]) -> None:
        tensorflow_runtime.load()  # before TensorBoard loads it noisily
        from tensorboard.summary import Writer

        self._writer = Writer(str(run / "tensorboard"))

    def epoch(self, number: int, row: dict[str, Any]) -> None:
        self._last = number
        for name, value in numbers(row).items():
            self._writer.add_scalar(name, value, number)
        self._writer.flush()

    def end(self, scores: dict[str, Scores] | None) -> None:
        for name, value in numbers(scores or {}, "final.").items():
            self._writer.add_scalar(name, value, self._last)
        self._writer.close()
