"""The fuzzer finds nothing in a minute, and its oracle would find what is there."""

from collections import Counter
from random import Random
from types import SimpleNamespace

import numpy as np
import pytest
from fuzzing.run import fuzz
from fuzzing.tables import TASKS, TEXT, cells, differ, labels_by_python, text

SECONDS = 60
FEWEST = 500
MOST_MINUTES = 6  # a slow machine makes a tenth of what a usual one does in a minute


@pytest.mark.slow
def test_no_broken_input_is_read_otherwise_or_ends_in_a_traceback():
    counts: Counter[str] = Counter()
    findings: list[str] = []
    for seed in range(1, MOST_MINUTES + 1):
        more_counts, more_findings = fuzz(seed, SECONDS)
        counts += more_counts
        findings += more_findings
        if sum(counts.values()) > FEWEST:
            break
    assert sum(counts.values()) > FEWEST
    assert len(counts) > len(TEXT)
    assert not findings


def test_oracle_tells_a_label_that_was_read_otherwise_and_a_row_that_is_lost():
    columns = cells(Random(1))
    expected = labels_by_python(".csv", text(columns))
    labels = {task: np.array(found) for task, found in expected.items()}
    read = SimpleNamespace(splits={"train": SimpleNamespace(labels=labels)})
    assert differ(expected, read) is None
    labels["click"][4] = 1 - labels["click"][4]
    assert differ(expected, read).startswith("click of row 5 is ")
    labels["click"] = labels["click"][:-1]
    assert differ(expected, read) == "11 rows, not 12"


def test_oracle_reads_no_label_that_is_not_there():
    columns = cells(Random(1))
    columns[TASKS["click"]["label"]][3] = "yes"
    with pytest.raises(ValueError, match="yes"):
        labels_by_python(".csv", text(columns))
