"""Counts the rows with unseen values, see `FeatureSet.unseen_and_all_rows`."""

from collections import Counter

import numpy as np
import pyarrow as pa

from mtl_cli.columns.arrow_types import is_list, is_number
from mtl_cli.columns.lists import Tokens
from mtl_cli.columns.vocabulary import Categorical, common_spelling, vocabulary_ids
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
        """Keeps the first unseen value of a row, or its cells if it is not known."""
        feature = self.features.by_name[name]
        value = None if feature.numeric else self.first_unseen_value(name, row)
        cells = [row[column] for column in feature.source_columns(name)]
        if value is None:
            self.examples[name] = ", ".join(shown(cell[0].as_py()) for cell in cells)
            return
        spellings = self.features.learnt_of_table_owner(name).spellings
        if known := spellings.get(common_spelling(value)):
            self.misspelt.add(name)
            self.examples[name] = f"{value!r}; training rows have {known!r}"
        else:
            value_type = cells[0].type
            if is_list(value_type):
                value_type = value_type.value_type
            self.examples[name] = value if is_number(value_type) else shown(value)

    def first_unseen_value(self, name: str, row: pa.Table) -> str | None:
        """Returns the first unseen value of a row, as the vocabulary would spell it.

        It is None for kinds that do not look their values up in a vocabulary, and for
        kinds of a plugin that give id 0 to other values.
        """
        feature = self.features.by_name[name]
        values = feature.read(name, row)
        if isinstance(values, Tokens):
            # A value with weight 0 has no effect, and does not count as unseen.
            categories, codes = values.categorical
            values = Categorical(categories, codes[values.weights != 0])
        if feature.id_encoding != "vocabulary" or not isinstance(values, Categorical):
            return None
        learnt = self.features.learnt_of_table_owner(name)
        is_unseen = vocabulary_ids(values, learnt.vocabulary) == 0
        for code in values.codes[is_unseen & (values.codes >= 0)]:
            return str(values.categories[int(code)].as_py())
        return None

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
