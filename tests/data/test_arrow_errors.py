"""Arrow words its errors as we match them, and reading again finds the same errors."""

import io

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest

from mtl_cli.columns.cells import first_unconvertible_cell
from mtl_cli.core.errors import DataError
from mtl_cli.data.arrow_errors import (
    RAGGED_ROW,
    is_not_utf8,
    is_row_too_long,
    read_errors,
)
from mtl_cli.data.csv_options import Csv, convert_cells

LATIN_1 = "Köln".encode("latin-1")


def as_type(dtype):
    """Returns a conversion of cells to a type."""
    return lambda cells: convert_cells(cells, dtype, Csv())


def read(content, kind=None, **options):
    """Reads a CSV file of one column `x` and a column `y`; returns `x`."""
    types = {} if kind is None else {"x": kind}
    with pyarrow.csv.open_csv(
        io.BytesIO(content),
        pyarrow.csv.ReadOptions(**options),
        pyarrow.csv.ParseOptions(newlines_in_values=True),
        pyarrow.csv.ConvertOptions(
            column_types=types, null_values=[""], strings_can_be_null=True
        ),
    ) as reader:
        return reader.read_all()["x"].combine_chunks()


def test_arrow_says_utf8_where_text_of_a_csv_file_is_not():
    with pytest.raises(pa.ArrowInvalid) as caught:
        read(b"x,y\n" + LATIN_1 + b",1\n", pa.string())
    assert is_not_utf8(caught.value)
    assert not is_row_too_long(caught.value)


def test_arrow_says_utf8_where_text_of_a_table_is_not():
    text = pa.Array.from_buffers(pa.string(), 1, pa.array([LATIN_1]).buffers())
    with pytest.raises(pa.ArrowInvalid) as caught:
        pa.table({"x": text}).validate(full=True)
    assert is_not_utf8(caught.value)


def test_arrow_says_straddling_where_a_row_is_longer_than_a_block():
    long_cell = b'"' + b"a\n" * 500 + b'"'
    with pytest.raises(pa.ArrowInvalid) as caught:
        read(b"x,y\n1,2\n" + long_cell + b",1\n", block_size=64)
    assert is_row_too_long(caught.value)
    assert not is_not_utf8(caught.value)


def test_arrow_numbers_a_row_with_too_many_cells_and_gives_its_text():
    # Blank lines have no number. The row's text need not be UTF-8.
    content = b"x,y\n" + LATIN_1 + b",1\n\n" + LATIN_1 + b',1,"7\n"\nz\n'
    with pytest.raises(pa.ArrowInvalid) as caught:
        read(content, pa.binary(), use_threads=False)
    ragged = RAGGED_ROW.search(str(caught.value))
    assert ragged.groups() == ("3", "2", "3", 'K\ufffdln,1,"7\n"')
    assert not is_row_too_long(caught.value)


def test_encoding_that_arrow_cannot_read_as_dictionary_is_to_be_written_anew():
    file = io.BytesIO()
    encodings = {"city": "DELTA_BYTE_ARRAY"}
    table = pa.table({"city": ["Bern"]})
    pyarrow.parquet.write_table(
        table, file, use_dictionary=False, column_encoding=encodings
    )
    with (
        pytest.raises(DataError, match="; write the file in another way"),
        read_errors("dataset.train", "a.parquet"),
    ):
        pyarrow.parquet.read_table(file, read_dictionary=["city"])


@pytest.mark.parametrize(
    ("error", "fix"),
    [
        (pa.ArrowInvalid("Invalid UTF8 payload"), "save the file as UTF-8"),
        (UnicodeDecodeError("utf-8", b"\xf6", 0, 1, "bad"), "save the file as UTF-8"),
        (
            EOFError("Compressed file ended\nearly."),
            "check that the file is complete and of the format",
        ),
    ],
)
def test_error_of_a_library_becomes_one_line_with_its_remedy(error, fix):
    with (
        pytest.raises(
            DataError, match=r"^dataset\.train: cannot read a\.csv: "
        ) as caught,
        read_errors("dataset.train", "a.csv"),
    ):
        raise error
    assert fix in str(caught.value)
    assert "\n" not in str(caught.value)


NUMBERS = ["1", " 1\t", "-.5", "+1", "1e400", "inf", "-NaN", "", "1.", "INF"]
NO_NUMBERS = [
    "x",
    "0x10",
    "1_0",
    "1\0",
    "--1",
    "1 2",
    "\u0661",
    "1,5",
    "\u00a01",
    "K\xf6ln",
]


@pytest.mark.parametrize("cell", [*NUMBERS, *NO_NUMBERS])
def test_cell_is_a_number_to_the_second_look_if_arrow_reads_it_as_one(cell):
    content = f'x,y\n"{cell}",1\n'.encode()
    cells = read(content, pa.binary())
    failure = first_unconvertible_cell(cells, as_type(pa.float64()))
    if cell in NUMBERS:
        assert read(content, pa.float64()).null_count == (cell == "")
        assert failure is None
    else:
        with pytest.raises(pa.ArrowInvalid, match="invalid value"):
            read(content, pa.float64())
        assert failure == 0


@pytest.mark.parametrize("rows", [1, 2, 3, 64, 101])
def test_first_of_several_wrong_cells_is_found(rows):
    for first in range(rows):
        cells = [b"1"] * first + [b"x"] + [b"1", b"y"] * rows
        assert first_unconvertible_cell(pa.array(cells), as_type(pa.float64())) == first
        assert first_unconvertible_cell(pa.array(cells), as_type(pa.string())) is None
        cells[first] = LATIN_1
        assert first_unconvertible_cell(pa.array(cells), as_type(pa.string())) == first
