"""Counts the rows with unseen values, and names such values.

The training rows hold an unseen value too rarely or never, so it has no id of its own.
"""

from typing import NamedTuple

import numpy as np
import pyarrow as pa

from mtl_cli.columns.arrow_types import is_list
from mtl_cli.columns.vocabulary import as_categorical, common_spelling
from mtl_cli.data.feature_set import FeatureSet
from mtl_cli.data.table import Array

MIN_ROWS = 10  # fewer rows do not show that most values are unseen


class UnseenValue(NamedTuple):
    """An unseen value.

    Attributes:
        value: the value, such as "True".
        known_spelling: the same value as the training rows spell it, such as "true";
            None if no training row has such a value.
    """

    value: str
    known_spelling: str | None


class UnseenValues:
    """Counts the rows with unseen values, by feature, over all blocks of a table."""

    def __init__(self, features: FeatureSet) -> None:
        self.features = features
        self.num_rows = 0
        self.unseen_rows: dict[str, int] = {}  # {feature: number of rows}
        # {feature: its first unseen value}
        self.first_values: dict[str, UnseenValue] = {}

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
            columns = self.features.by_name[name].source_columns(name)
            cells = table[columns[0]].slice(int(rows[0]), 1)
            # In a list or a combination, it is not known which value is unseen.
            has_one_value = len(columns) == 1 and not is_list(cells.type)
            if has_one_value and name not in self.first_values:
                value = as_categorical(name, cells).categories[0].as_py()
                spelling = self.features.spellings(name).get(common_spelling(value))
                self.first_values[name] = UnseenValue(value, spelling)

    def warnings(self, only_suspicious: bool = False) -> list[str]:
        """Returns a line for each feature with unseen values.

        A feature is suspicious if the training rows have another spelling of its first
        unseen value, or if most of at least `MIN_ROWS` rows have unseen values.
        """
        lines = []
        for name, num_unseen in self.unseen_rows.items():
            misspelt = self.first_values.get(name)
            if misspelt is not None and misspelt.known_spelling is None:
                misspelt = None
            are_most = self.num_rows >= MIN_ROWS and num_unseen > self.num_rows / 2
            if only_suspicious and misspelt is None and not are_most:
                continue
            description = self.description(name, misspelt)
            lines.append(
                f"{name}: {num_unseen:,} of {self.num_rows:,} rows "
                f"({num_unseen / self.num_rows:.1%}) have {description}; such a value "
                "is taken as unknown"
            )
        return lines

    def description(self, name: str, misspelt: UnseenValue | None) -> str:
        """Returns how a warning describes the unseen values of a feature.

        `misspelt` is the first unseen value, if the training rows spell the same value
        in another way, such as "true" for "True".
        """
        text = "a value that no training row has"
        # The feature that owns the embedding table counts the values.
        owner = self.features.by_name[name].table_owner(name)
        min_count = getattr(self.features.by_name[owner], "min_count", 1)
        if min_count > 1:
            text = f"a value that training rows hold less than {min_count} times"
        if misspelt is not None:
            text += (
                f", such as {misspelt.value!r}; training rows have "
                f"{misspelt.known_spelling!r}"
            )
        return text
