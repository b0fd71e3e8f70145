"""The stream from which Arrow's threads read a CSV file and its sentinel row.

See `data/csv_file.py` for the purpose of the sentinel row.
"""

import atexit
import gc
import io
import time
from collections.abc import Collection
from weakref import WeakSet

import pyarrow as pa

from mtl_cli.data.table_limits import check_rows, check_size

# The first requested cell of the sentinel row. The cell is valid both as text and as a
# number, and float64 holds the number exactly.
SENTINEL = "-8765432109876543"
# After this time without a call of `read`, no thread of Arrow is expected to read.
QUIET_SECONDS = 0.2


class StreamWithSentinel:
    """The bytes of a text file, followed by the sentinel row.

    `file_bytes` is the size of the file as it is stored, perhaps compressed.
    """

    closed = False  # an attribute that Arrow needs

    def __init__(
        self,
        stream: pa.NativeFile | io.BytesIO,
        sentinel_row: bytes,
        num_columns: int,
        file_bytes: int,
    ) -> None:
        self.stream = stream
        self.unread_sentinel_row = io.BytesIO(sentinel_row)
        self.num_columns = num_columns
        self.file_bytes = file_bytes
        self.num_lines = self.num_bytes = 0  # the lines and bytes that were read so far
        self.has_ended = False  # once True, `read` returns no more bytes
        self.is_being_read = False
        _open_streams.add(self)

    def read(self, size: int) -> bytes:
        """Returns the next `size` bytes; fewer only at the end, as Arrow requires.

        A file with too many lines or bytes for its size is refused. Lines are counted
        instead of rows, because the empty lines that Arrow skips take time too.
        """
        block = b""
        self.is_being_read = True
        try:
            while not self.has_ended and len(block) < size:
                num_missing = size - len(block)
                piece = self.stream.read(num_missing)
                if not piece:  # the file is at its end
                    piece = self.unread_sentinel_row.read(num_missing)
                if not piece:  # the sentinel row is at its end too
                    break
                block += piece
            # A line ends in "\n", "\r" or "\r\n".
            self.num_lines += block.count(b"\n")
            self.num_lines += block.count(b"\r") - block.count(b"\r\n")
            self.num_bytes += len(block)
            check_rows(self.num_lines, self.file_bytes)
            num_cells = self.num_lines * self.num_columns
            check_size("its text", self.num_bytes, num_cells, self.file_bytes)
            return block
        finally:
            self.is_being_read = False

    def close(self) -> None:
        self.stream.close()


# The streams that Arrow may still read. A stream leaves the set when it is freed.
_open_streams: WeakSet[StreamWithSentinel] = WeakSet()


@atexit.register
def end_reading() -> None:
    """Waits until no thread of Arrow reads a stream.

    After an error, Arrow's threads read some more blocks. If a thread called Python
    while the interpreter ends, the process would crash.
    """
    gc.collect()  # an error may still refer to a reader, and the reader to its stream
    end_streams(_open_streams)


def end_streams(streams: Collection[StreamWithSentinel]) -> None:
    """Ends the reading of streams, and waits until no thread of Arrow reads them.

    While Arrow reads, its reader must not be freed: if the thread that reads holds the
    last reference, this thread would wait for itself, and the process would never end.
    """
    for stream in list(streams):
        stream.has_ended = True
    quiet_since = time.monotonic()
    while streams and time.monotonic() < quiet_since + QUIET_SECONDS:
        if any(stream.is_being_read for stream in list(streams)):
            quiet_since = time.monotonic()
        time.sleep(0.01)
