"""Counts the rows with unseen values, and describes such values.

See `FeatureSet.unseen_and_all_rows` for what counts as unseen.
"""

import numpy as np
import pyarrow as pa

from mtl_cli.columns.arrow_types import is_list
from mtl_cli.columns.vocabulary import as_categorical, common_spelling
from mtl_cli.core.message_text import MAX_ITEMS, line_if_any
from mtl_cli.data.feature_set import FeatureSet
from mtl_cli.data.table import Array

MIN_ROWS = 10  # fewer rows do not show that most values are unseen
# Numbers outside the range of the training rows are normal if few rows have them.
MIN_OUTSIDE_FRACTION = 0.05


class UnseenValues:
    """Counts the rows with unseen values, by feature, over all blocks of a table."""

    def __init__(self, features: FeatureSet) -> None:
        self.features = features
        self.num_rows = 0
        self.unseen_rows: dict[str, int] = {}  # {feature: number of rows}
        # {feature: (its first unseen value, the spelling of this value in the training
        # rows)}, such as ("True", "true"); None if they hold no spelling of the value.
        self.misspelt: dict[str, tuple[str, str] | None] = {}
        # {feature: its first number outside the range of the training rows}
        self.outside: dict[str, float] = {}

    def add(self, table: pa.Table, encoded: dict[str, Array]) -> None:
        """Counts the rows of a block; `encoded` are the same rows, encoded."""
        table = self.features.fill_constants(table)
        self.num_rows += table.num_rows
        for name, value_rows in self.features.unseen_and_all_rows(
            table, encoded
        ).items():
            # A row counts once, also if its list has several unseen values.
            rows = np.unique(value_rows.unseen)
            if not len(rows):
                continue
            self.unseen_rows[name] = self.unseen_rows.get(name, 0) + len(rows)
            first_row = table.slice(int(rows[0]), 1)
            feature = self.features.by_name[name]
            if feature.numeric:
                self.outside.setdefault(name, float(feature.read(name, first_row)[0]))
            elif name not in self.misspelt:
                self.compare_spelling(name, first_row)

    def compare_spelling(self, name: str, row: pa.Table) -> None:
        """Looks for another spelling of a feature's first unseen value, see `misspelt`.

        `row` is a table with the row of the value.
        """
        columns = self.features.by_name[name].source_columns(name)
        cells = row[columns[0]]
        # In a list or several columns, it is not known which value is unseen.
        if len(columns) > 1 or is_list(cells.type):
            return
        value = as_categorical(name, cells).categories[0].as_py()
        spellings = self.features.learnt_of_table_owner(name).spellings
        spelling = spellings.get(common_spelling(value))
        self.misspelt[name] = None if spelling is None else (value, spelling)

    def warnings(self, only_suspicious: bool = False) -> list[str]:
        """Returns lines about the features with unseen values, largest fractions first.

        The features whose values look misspelt have a line each, `MAX_ITEMS` lines at
        most. The other features share one line about values and one about numbers.

        A numeric feature is left out if fewer than `MIN_OUTSIDE_FRACTION` of the rows
        have unseen values. A feature is suspicious if the training rows have another
        spelling of its first unseen value, or if most of at least `MIN_ROWS` rows have
        unseen values.
        """
        misspelt: list[str] = []
        with_values, with_numbers = [], []
        by_num_rows = sorted(self.unseen_rows.items(), key=lambda item: -item[1])
        for name, num_unseen in by_num_rows:
            fraction = num_unseen / self.num_rows
            are_most = self.num_rows >= MIN_ROWS and fraction > 1 / 2
            is_normal = name in self.outside and fraction < MIN_OUTSIDE_FRACTION
            is_misspelt = self.misspelt.get(name) is not None
            if is_normal or (only_suspicious and not (are_most or is_misspelt)):
                continue
            if is_misspelt and len(misspelt) < MAX_ITEMS:
                misspelt.append(name)
            elif name in self.outside:
                with_numbers.append(name)
            else:
                with_values.append(name)
        lines = [self.line_about_feature(name) for name in misspelt]
        lines += self.line_about_features(
            with_values,
            "values that the training rows lack or hold less than min_count times; "
            "such values are taken as unknown",
        )
        return lines + self.line_about_features(
            with_numbers, "numbers outside the range of the training rows"
        )

    def line_about_features(self, names: list[str], noun: str) -> list[str]:
        """Returns a line about several features; the full line about a single one."""
        if len(names) == 1:
            return [self.line_about_feature(names[0])]
        items = []
        for name in names:
            fraction = f"{self.unseen_rows[name] / self.num_rows:.1%}"
            if name in self.outside:
                fraction += f", such as {self.outside[name]:.15g}"
            items.append(f"{name} ({fraction})")
        return line_if_any(
            f"{len(names)} features have {noun} (share of the {self.num_rows:,} rows)",
            items,
        )

    def line_about_feature(self, name: str) -> str:
        """Returns how many rows have unseen values of a feature, and which values."""
        num_unseen = self.unseen_rows[name]
        return (
            f"{name}: {num_unseen:,} of {self.num_rows:,} rows "
            f"({num_unseen / self.num_rows:.1%}) have {self.description(name)}"
        )

    def description(self, name: str) -> str:
        """Returns how a warning describes the unseen values of a feature."""
        if name in self.outside:
            learnt = self.features.learnt[name]
            ends = f"{learnt['low']:.15g} to {learnt['high']:.15g}"
            return (
                f"a number outside the range of the training rows, {ends}, such as "
                f"{self.outside[name]:.15g}"
            )
        text = "a value that no training row has"
        # The feature that owns the embedding table counts the values.
        owner = self.features.by_name[name].table_owner(name)
        min_count = getattr(self.features.by_name[owner], "min_count", 1)
        if min_count > 1:
            text = f"a value that training rows hold less than {min_count} times"
        if misspelt := self.misspelt.get(name):
            value, known_spelling = misspelt
            text += f", such as {value!r}; training rows have {known_spelling!r}"
        return f"{text}; such a value is taken as unknown"
