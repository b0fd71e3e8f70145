"""The tracker `tensorboard`: writes event files into the run folder."""

import contextlib
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

from pydantic import PrivateAttr

from mtl_cli.core import tensorflow_runtime
from mtl_cli.core.errors import DAMAGED_FILE_ERRORS
from mtl_cli.core.other_files import MAX_BYTES, check_regular
from mtl_cli.metrics.score_dict import Scores
from mtl_cli.trackers.base import Tracker, flat_numbers

MAX_RECORD_BYTES = 1 << 20  # a record of a run has one value, in about 100 bytes


class TensorBoard(Tracker):
    """A tracker that writes `RUN/tensorboard`; see `tensorboard --logdir outputs`."""

    package: ClassVar[str] = "tensorboard"
    _folder: Path = PrivateAttr(Path())
    _writer: Any = PrivateAttr(None)
    _last_epoch: int = PrivateAttr(0)
    # (name, epoch) of the values that an earlier process of the run has written.
    _written: set[tuple[str, int]] = PrivateAttr(default_factory=set)

    def start(self, run: Path, values: dict[str, Any]) -> None:
        # TensorBoard imports TensorFlow. `load` imports it first, without the log lines
        # that TensorFlow would print to the terminal.
        tensorflow_runtime.load()
        from tensorboard.summary import Writer

        self._folder = run / "tensorboard"
        self._writer = Writer(str(self._folder))

    def resume(self, number: int) -> None:
        from google.protobuf.message import DecodeError
        from tensorboard.compat.proto.event_pb2 import Event

        self._last_epoch = number
        for path in self._folder.glob("*.tfevents.*"):
            with contextlib.suppress(DecodeError, *DAMAGED_FILE_ERRORS):
                for record in read_records(path):
                    event = Event.FromString(record)
                    for value in event.summary.value:
                        self._written.add((value.tag, event.step))

    def epoch(self, number: int, row: dict[str, Any]) -> None:
        self._last_epoch = number
        for name, value in flat_numbers(row).items():
            if (name, number) not in self._written:
                self._writer.add_scalar(name, value, number, wall_time=self._event_time)
        self._writer.flush()

    def end(self, scores: dict[str, Scores] | None) -> None:
        for name, value in flat_numbers(scores or {}, "final.").items():
            self._writer.add_scalar(name, value, self._last_epoch)
        self._writer.close()


def read_records(path: Path) -> Iterator[bytes]:
    """Yields the records of an event file up to the first incomplete or large one.

    Each record follows its length (8 bytes) and a checksum (4 bytes), and is followed
    by a checksum (4 bytes). The checksums are not compared.

    TensorBoard's own reader is TensorFlow's, which ends the process if the file gives a
    huge length. Somebody else may have made the file.
    """
    check_regular(path, MAX_BYTES)
    with path.open("rb") as file:
        while len(header := file.read(12)) == 12:
            (length,) = struct.unpack_from("<Q", header)
            if length > MAX_RECORD_BYTES:
                return
            data = file.read(length + 4)
            if len(data) < length + 4:
                return
            yield data[:length]
