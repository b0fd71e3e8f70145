"""Cells that equal a value, and the distinct values of some rows."""

import numpy as np
import pyarrow as pa
import pytest

from mtl_cli.columns.cells import distinct_cells


@pytest.mark.parametrize("kind", [pa.string(), pa.string_view(), pa.large_string()])
def test_distinct_values_of_some_rows_are_returned_whatever_their_type(kind):
    parts = [pa.array(["a", "b", None], kind), pa.array(["c", "a"], kind)]
    rows = np.array([True, False, True, False, True])
    assert distinct_cells(pa.chunked_array(parts), rows) == ["a"]
