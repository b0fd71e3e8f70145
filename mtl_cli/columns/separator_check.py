"""Refuses a separator of lists that no cell contains, and suggests a likely one."""

from operator import itemgetter

import pyarrow as pa
import pyarrow.compute as pc

from mtl_cli.columns.arrow_types import is_list
from mtl_cli.core.errors import DataError
from mtl_cli.core.message_text import shown

COMMON_SEPARATORS = (",", ";", "|", "^", "\t", " ")


class SeparatorCheck:
    """Checks, chunk by chunk, that a feature's text contains the separator."""

    def __init__(self, name: str, separator: str) -> None:
        self.name = name
        self.separator = separator
        alternatives = [s for s in COMMON_SEPARATORS if s not in separator]
        self.num_cells = 0
        # {separator: the number of cells that contain the separator}
        self.counts = dict.fromkeys([separator, *alternatives], 0)
        # {separator: a cell that contains the separator}
        self.examples: dict[str, str] = {}

    def add(self, column: pa.ChunkedArray) -> None:
        """Counts, for each separator, the cells of a chunk that contain it."""
        is_found = self.counts[self.separator] > 0
        if is_list(column.type) or is_found:
            return  # lists need no separator, and a separator that occurs is accepted
        column = pc.drop_null(column.cast(pa.string()))
        self.num_cells += len(column)
        for separator in self.counts:
            cells = pc.filter(column, pc.match_substring(column, separator))
            self.counts[separator] += len(cells)
            for cell in cells[:1].to_pylist():
                self.examples.setdefault(separator, cell)

    def finish(self) -> None:
        """Refuses the configured separator if it looks like a mistake.

        Raises:
            DataError: if no cell contains the separator, and more than half of the
                cells contain another common separator.
        """
        is_found = self.counts[self.separator] > 0
        likely, count = max(self.counts.items(), key=itemgetter(1))
        if not is_found and count > self.num_cells / 2:
            raise DataError(
                f"feature {self.name}: no cell holds the separator {self.separator!r}; "
                f"if cells like {shown(self.examples[likely])} are lists, set "
                f"separator to {likely!r}; if each cell is one value, set the "
                "feature's kind to sparse"
            )
