"""The units of sampling: another sample would replace whole rows or groups of rows.

Rows of one group, such as the rows of one user, depend on each other: a model may err
on most rows of the user in the same way. Another sample would have other users, so
whole groups are counted and drawn. Errors that take such rows as independent are too
small.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from mtl_cli.metrics.metric import Floats, Groups

Indices = npt.NDArray[np.int64]


@dataclass(frozen=True)
class SamplingUnits:
    """The units that another sample of rows would replace as a whole.

    `unit_of_row` is the number of each row's unit, from 0. No unit is without rows.
    """

    unit_of_row: Indices
    num: int

    @property
    def are_rows(self) -> bool:
        """Whether each row is a unit of its own."""
        return self.num == len(self.unit_of_row)

    def num_with(self, mask: npt.NDArray[np.bool_]) -> int:
        """Returns the number of units with a row where `mask`, (rows,), is True."""
        return int(np.count_nonzero(np.bincount(self.unit_of_row[mask])))

    def sums(
        self, values: Floats, mask: npt.NDArray[np.bool_]
    ) -> tuple[Indices, Floats]:
        """Sums the values of the rows of each unit where `mask` is True.

        Returns: the numbers of the units that have such rows, ascending, and the sum of
            each of these units.
        """
        unit = self.unit_of_row[mask]
        present = np.flatnonzero(np.bincount(unit))
        return present, np.asarray(np.bincount(unit, values[mask])[present], "float64")

    def draw(self, num: int, random: np.random.Generator) -> Indices:
        """Draws `num` units with replacement, and returns the indices of their rows.

        The indices ascend. If a unit is drawn twice, each of its rows comes twice.
        """
        if self.num > 4 * num:  # To count the draws of each unit would be slow.
            return np.sort(self._rows_of(random.integers(0, self.num, num)))
        num_draws = self.count_draws(num, random)
        return np.repeat(np.arange(len(num_draws)), num_draws)

    def count_draws(self, num: int, random: np.random.Generator) -> Indices:
        """Draws like `draw`, and returns how often each row is drawn, (rows,)."""
        drawn = random.integers(0, self.num, num)
        return np.bincount(drawn, minlength=self.num)[self.unit_of_row]

    def draw_copies(
        self, num: int, random: np.random.Generator
    ) -> tuple[Indices, Indices]:
        """Draws `num` units with replacement, and numbers the draws from 0.

        Returns: the indices of the rows of the drawn units, draw after draw; and for
            each of these rows the number of its draw.
        """
        drawn = random.integers(0, self.num, num)
        if self.are_rows:
            return drawn, np.arange(num)
        _, _, sizes = self._rows_by_unit
        return self._rows_of(drawn), np.repeat(np.arange(num), sizes[drawn])

    def sort_rows(self) -> None:
        """Sorts the rows by unit, if draws need the order, so that threads share it."""
        if not self.are_rows:
            _ = self._rows_by_unit  # computes the cached property

    def _rows_of(self, units: Indices) -> Indices:
        """Returns the indices of the rows of some units, unit after unit."""
        if self.are_rows:
            return units
        order, starts, sizes = self._rows_by_unit
        sizes_of_units = sizes[units]
        # Where the rows of each of `units` begin in the result.
        starts_in_result = np.cumsum(sizes_of_units) - sizes_of_units
        shifts = np.repeat(starts[units] - starts_in_result, sizes_of_units)
        rows: Indices = order[np.arange(len(shifts)) + shifts]
        return rows

    @cached_property
    def _rows_by_unit(self) -> tuple[Indices, Indices, Indices]:
        """The rows sorted by unit, where each unit starts, and the units' sizes."""
        sizes = np.bincount(self.unit_of_row)
        order = np.argsort(self.unit_of_row, kind="stable")
        return order, np.cumsum(sizes) - sizes, sizes


def sampling_units(num_rows: int, group: Groups | None) -> SamplingUnits:
    """Returns the units of some rows: the groups, or each row if there are no groups.

    A row without a group, below 0, is a unit of its own. If all rows are of one group,
    another sample would hold other rows of this group, so each row is a unit.
    """
    each_row = SamplingUnits(np.arange(num_rows), num_rows)
    if group is None:
        return each_row
    has_group = group >= 0
    codes = group[has_group]
    if codes.max(initial=0) > 2 * num_rows:  # Counting up to such codes takes memory.
        _, codes = np.unique(codes, return_inverse=True)
    is_present = np.bincount(codes) > 0
    num_groups = int(is_present.sum())
    num = num_groups + num_rows - len(codes)
    if num == num_rows or num == 1:
        return each_row
    unit_of_row = np.empty(num_rows, "int64")
    unit_of_row[has_group] = (np.cumsum(is_present) - 1)[codes]
    unit_of_row[~has_group] = np.arange(num_groups, num)
    return SamplingUnits(unit_of_row, num)
