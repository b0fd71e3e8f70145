"""The bytes of a CSV file as Arrow reads them, in a thread of its own."""

import atexit
import gc
import io
import time
from weakref import WeakSet

import pyarrow as pa

from mtl_cli.data.table_limits import check_rows, check_size

QUIET_SECONDS = 0.2  # without reading, after which a thread of Arrow reads no more


class StreamWithSentinel:
    """The bytes of a text file, followed by the sentinel row.

    The size of the file is its size as it is stored, perhaps compressed.
    """

    closed = False  # an attribute that Arrow needs

    def __init__(
        self, stream: pa.NativeFile, cells: list[str], delimiter: str, file_bytes: int
    ) -> None:
        # The first "\n" ends the last row if the file does not.
        sentinel_row = f"\n{delimiter.join(cells)}\n".encode()
        self.stream, self.sentinel_row = stream, io.BytesIO(sentinel_row)
        self.file_bytes, self.num_columns = file_bytes, len(cells)
        self.num_lines = self.num_bytes = 0
        self.has_ended = self.is_being_read = False
        _streams.add(self)

    def read(self, size: int) -> bytes:
        """Returns the next `size` bytes, as Arrow needs; fewer only at the end.

        A file with too many lines or bytes for its size is refused. Lines are counted,
        not rows: Arrow skips empty lines, but they take time.
        """
        self.is_being_read, block = True, b""
        try:
            while not self.has_ended and (num_missing := size - len(block)):
                # The file is at its end when it returns no bytes.
                piece = self.stream.read(num_missing)
                piece = piece or self.sentinel_row.read(num_missing)
                if not piece:
                    break
                block += piece
        finally:
            self.is_being_read = False
        # A line ends in "\n", "\r" or "\r\n".
        self.num_lines += block.count(b"\n")
        self.num_lines += block.count(b"\r") - block.count(b"\r\n")
        self.num_bytes += len(block)
        check_rows(self.num_lines, self.file_bytes)
        num_cells = self.num_lines * self.num_columns
        check_size("its text", self.num_bytes, num_cells, self.file_bytes)
        return block

    def close(self) -> None:
        """Closes the file."""
        self.stream.close()


_streams: WeakSet[StreamWithSentinel] = WeakSet()  # that are in use


@atexit.register
def end_reading() -> None:
    """Waits until no thread of Arrow reads a stream.

    After an error, Arrow's threads read some more blocks. If a thread called Python
    while the interpreter ends, the process would crash.
    """
    gc.collect()  # an error may still refer to a reader, and the reader to its stream
    for stream in list(_streams):
        stream.has_ended = True
    quiet_since = time.monotonic()
    while _streams and time.monotonic() < quiet_since + QUIET_SECONDS:
        if any(stream.is_being_read for stream in list(_streams)):
            quiet_since = time.monotonic()
        time.sleep(0.01)
