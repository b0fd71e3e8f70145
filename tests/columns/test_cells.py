"""Empty cells, and cells that equal a value."""

import pyarrow as pa
import pytest

from mtl_cli.columns.cells import cells_equal, empty_cells


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string()])
@pytest.mark.parametrize(
    ("value", "equal"),
    [
        (3, ["3", "3.0", "3.00"]),
        (-3, ["-3.0"]),
        ("3", ["3"]),
        ("3.0", ["3.0"]),
        ("a(", ["a("]),
    ],
)
def test_whole_number_equals_the_text_that_pandas_writes_for_it(kind, value, equal):
    cells = ["3", None, "3.0", "3.00", "03", "3.01", "a(", "-3.0"]
    parts = [pa.array(cells[:3], kind), pa.array(cells[3:], kind)]
    found = cells_equal(pa.chunked_array(parts), value)
    assert [cell for cell, same in zip(cells, found, strict=True) if same] == equal


@pytest.mark.parametrize("cells", [[1, None, 0], [1.0, None, 0.0], ["1", None, "0"]])
def test_empty_cell_equals_no_value(cells):
    column = pa.chunked_array([cells])
    assert cells_equal(column, 1).tolist() == [True, False, False]
    assert cells_equal(column, 0).tolist() == [False, False, True]


@pytest.mark.parametrize("kind", [pa.null(), pa.float64(), pa.bool_(), pa.string()])
def test_column_of_empty_cells_equals_no_value_whatever_its_type(kind):
    # pandas writes a column without values as float64: labels of words were refused.
    column = pa.chunked_array([pa.array([None, None], kind)])
    assert cells_equal(column, "yes").tolist() == [False, False]


@pytest.mark.parametrize("kind", [pa.int8(), pa.uint8(), pa.int64()])
def test_whole_number_may_be_too_large_for_the_type_of_a_file(kind):
    # A test file without the class 300 was refused if its labels were int8.
    column = pa.chunked_array([pa.array([1, None, 0], kind)])
    assert not cells_equal(column, 300).any()
    assert not cells_equal(column, -1).any()
    assert cells_equal(column, 1).tolist() == [True, False, False]


@pytest.mark.parametrize("kind", [pa.list_, pa.large_list])
def test_empty_list_is_an_empty_cell(kind):
    parts = [pa.array([[1], None], kind(pa.int64())), pa.array([[]], kind(pa.int64()))]
    column = pa.chunked_array(parts)
    assert empty_cells(column).tolist() == [False, True, True]


@pytest.mark.parametrize(("length", "empty"), [(0, True), (2, False)])
def test_lists_of_a_fixed_length_are_empty_if_the_length_is_0(length, empty):
    column = pa.array([None, [None] * length], pa.list_(pa.int64(), length))
    assert empty_cells(column).tolist() == [True, empty]
