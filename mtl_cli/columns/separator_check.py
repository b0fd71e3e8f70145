"""Refuses a separator of lists that no cell contains."""

import pyarrow as pa
import pyarrow.compute as pc

from mtl_cli.columns.arrow_types import is_list
from mtl_cli.core.errors import DataError

COMMON_SEPARATORS = (",", ";", "|", "^", "\t", " ")


class SeparatorCheck:
    """Checks, chunk by chunk, that a feature's text contains the separator."""

    def __init__(self, name: str, separator: str) -> None:
        self.name = name
        self.separator = separator
        self.num_cells = 0
        others = [s for s in COMMON_SEPARATORS if s not in separator]
        # {separator: the number of cells that contain the separator}
        self.counts = dict.fromkeys([separator, *others], 0)

    def add(self, column: pa.ChunkedArray) -> None:
        if is_list(column.type) or self.counts[self.separator]:
            return  # lists need no separator, and a separator that occurs is accepted
        column = pc.drop_null(column.cast(pa.string()))
        self.num_cells += len(column)
        for separator in self.counts:
            num_cells = pc.sum(pc.match_substring(column, separator)).as_py()
            self.counts[separator] += num_cells or 0

    def finish(self) -> None:
        """Refuses the separator if more than half of the cells hold another one."""
        likely, count = max(self.counts.items(), key=lambda item: item[1])
        if not self.counts[self.separator] and count > self.num_cells / 2:
            raise DataError(
                f"feature {self.name}: no cell holds the separator {self.separator!r}; "
                f"set separator to {likely!r}, or, if each cell is one value, set the "
                "feature's kind to sparse"
            )
