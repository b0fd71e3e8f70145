"""Refuses tables that would be misread, and test tables unlike the training table."""

import re

from mtl_cli.core.errors import DataError
from mtl_cli.core.message_text import comma_list
from mtl_cli.init.column_profile import ColumnProfile, profile_column
from mtl_cli.init.preview import TablePreview
from mtl_cli.init.task_proposal import TaskProposal, yaml_value
from mtl_cli.init.value_kinds import NUMBER


def check_header(
    train: TablePreview, columns: list[ColumnProfile], labels: list[str]
) -> None:
    """Refuses a text file whose first line is read as names, but seems to hold values.

    - In a table with columns of numbers, the first line seems to hold values if the
      names of all these columns are numbers too. The exceptions are names that number
      the columns: 0, 1, 2 and so on, or 1, 2, 3 and so on.
    - In a table without columns of numbers, the first line seems to hold values if more
      than half of the names occur twice or more in their own column.
    """
    names = [column.name for column in columns]
    # A first line with the name of a label certainly holds names.
    if train.csv is None or train.csv.columns or not set(names).isdisjoint(labels):
        return
    above_numbers = {c.name for c in columns if c.numbers is not None}
    numbers = [name for name in names if re.match(NUMBER, name)]
    if above_numbers:
        counts_up = any(
            numbers == [str(first + i) for i in range(len(numbers))] for first in (0, 1)
        )
        holds_values = above_numbers <= set(numbers) and not counts_up
    else:
        repeated = [c for c in columns if c.most_frequent().get(c.name, 0) > 1]
        holds_values = 2 * len(repeated) > len(columns)
    if holds_values:
        raise DataError(
            f"the first line of '{train.path}' looks like values, not names "
            f"({comma_list(names)}); give the names with --columns a,b,c or take "
            "--no-header"
        )


def check_test_labels(
    train: TablePreview, test: TablePreview, tasks: dict[str, TaskProposal]
) -> None:
    """Refuses a binary label that the training table lacks; it would count as 0."""
    # If `train` holds the first rows only, a label may first occur below them.
    if not train.complete:
        return
    for label in [t.label for t in tasks.values() if t.task_class.BINARY_LABELS]:
        if label not in test.table.column_names:
            continue
        train_labels = profile_column(label, train.table[label])
        test_labels = profile_column(label, test.table[label])
        train_counts = train_labels.most_frequent()
        # `yaml_value` gives the number 1 for a label "1" or "1.0" in a table of
        # numbers, and the text "1" in a table with words. So texts are compared too.
        known_labels = {yaml_value(train_labels, value) for value in train_counts}
        for value, count in test_labels.most_frequent().items():
            if value in train_counts or yaml_value(test_labels, value) in known_labels:
                continue
            raise DataError(
                f"--test: column '{label}' of '{test.path}' holds '{value}' in "
                f"{count:,} rows, but '{train.path}' holds {comma_list(train_counts)}; "
                "use the same labels in both tables"
            )
