"""Counts the rows with unseen values, see `FeatureSet.unseen_and_all_rows`."""

from collections import Counter

import numpy as np
import pyarrow as pa

from mtl_cli.columns.arrow_types import is_list
from mtl_cli.columns.vocabulary import as_categorical, common_spelling
from mtl_cli.core.message_text import comma_list, line_if_any, shown
from mtl_cli.data.feature_set import FeatureSet
from mtl_cli.data.table import Array

MIN_ROWS = 10  # fewer rows do not show that most values are unseen
# Numbers outside the range of the training rows are normal if few rows have them.
MIN_OUTSIDE_FRACTION = 0.05
# If at least this fraction of the rows has unseen values, these are probably written in
# another way than those of the training rows.
NEARLY_ALL = 0.99


class UnseenValues:
    """Counts the rows with unseen values, by feature, over all blocks of a table."""

    def __init__(self, features: FeatureSet) -> None:
        self.features = features
        self.num_rows = 0
        self.unseen_rows = Counter[str]()  # {feature: number of rows}
        self.examples: dict[str, str] = {}  # {feature: its first unseen value}
        # The features whose first unseen value is spelt otherwise in training rows.
        self.misspelt: set[str] = set()

    def add(self, table: pa.Table, encoded: dict[str, Array]) -> None:
        """Counts the rows of a block; `encoded` are the same rows, encoded."""
        table = self.features.fill_constants(table)
        self.num_rows += table.num_rows
        rows_by_feature = self.features.unseen_and_all_rows(table, encoded)
        for name, (unseen_rows, _) in rows_by_feature.items():
            # A row counts once, also if its list has several unseen values.
            rows = np.unique(unseen_rows)
            if len(rows):
                self.unseen_rows[name] += len(rows)
                if name not in self.examples:
                    self.add_example(name, table.slice(int(rows[0]), 1))

    def add_example(self, name: str, row: pa.Table) -> None:
        """Keeps the cells of a row with an unseen value of a feature, as text."""
        feature = self.features.by_name[name]
        cells = [row[column] for column in feature.source_columns(name)]
        text = ", ".join(shown(cell[0].as_py()) for cell in cells)
        # In a list or several columns, it is not known which value is unseen.
        if not feature.numeric and len(cells) == 1 and not is_list(cells[0].type):
            value = as_categorical(name, cells[0]).categories[0].as_py()
            spellings = self.features.learnt_of_table_owner(name).spellings
            if known := spellings.get(common_spelling(value)):
                self.misspelt.add(name)
                text = f"{value!r}; training rows have {known!r}"
        self.examples[name] = text

    def known_values(self, name: str) -> str:
        """Returns a text with a few values of the training rows, or ""."""
        # A vocabulary joins the values of several columns by an unreadable character.
        if len(self.features.by_name[name].source_columns(name)) > 1:
            return ""
        values = self.features.learnt_of_table_owner(name).get("vocabulary", [])
        known = comma_list(map(shown, values), max_items=3)
        return f"; training rows have {known}" if known else ""

    def warnings(self, only_suspicious: bool = False) -> list[str]:
        """Returns a line about values and a line about numbers, if there are any.

        Features with the largest fractions come first. A numeric feature is left out if
        fewer than `MIN_OUTSIDE_FRACTION` of the rows have unseen values. A feature is
        suspicious if its first unseen value is misspelt, or if most of at least
        `MIN_ROWS` rows have unseen values.
        """
        with_values, with_numbers = [], []
        for name, num_unseen in self.unseen_rows.most_common():
            fraction = num_unseen / self.num_rows
            are_most = self.num_rows >= MIN_ROWS and fraction > 1 / 2
            if only_suspicious and not (are_most or name in self.misspelt):
                continue
            example = self.examples[name]
            if fraction >= NEARLY_ALL and name not in self.misspelt:
                example += self.known_values(name)
            item = f"{name} ({fraction:.1%}, such as {example})"
            if not self.features.by_name[name].numeric:
                with_values.append(item)
            elif fraction >= MIN_OUTSIDE_FRACTION:
                with_numbers.append(item)
        rows = f"(share of the {self.num_rows:,} rows)"
        return line_if_any(
            "these features have values that the training rows lack or hold less than "
            f"min_count times, and that are taken as unknown {rows}",
            with_values,
        ) + line_if_any(
            "these features have numbers outside the range of the training rows "
            + rows,
            with_numbers,
        )
