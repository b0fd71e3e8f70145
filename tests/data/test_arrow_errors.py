"""Arrow words its errors as we match them, and reading again finds the same errors."""

import io

import pyarrow as pa
import pyarrow.csv
import pytest

from mtl_cli.columns.cells import first_unconvertible_cell
from mtl_cli.core.errors import DataError
from mtl_cli.data.arrow_errors import is_not_utf8, is_row_too_long, read_errors
from mtl_cli.data.csv_options import Csv, convert_cells
from mtl_cli.data.csv_row_errors import find_ragged_record
from mtl_cli.data.csv_stream import StreamWithSentinel

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


def with_sentinel(content: bytes) -> StreamWithSentinel:
    return StreamWithSentinel(io.BytesIO(content), b"\n3,", 2, len(content))


def test_ragged_record_is_found_although_it_is_not_utf8():
    # Arrow decodes the row's bytes for us, and could only print that it failed.
    content = b"x,y\n" + LATIN_1 + b",1\n\n" + LATIN_1 + b",1,7\nz\n"
    number, reason = find_ragged_record(with_sentinel(content), ",", 1 << 20)
    assert number == 2  # below the header and one row: blank lines do not count
    assert reason.startswith(
        "is 'K\ufffdln,1,7', which has 3 cells instead of 2; add or"
    )
    assert find_ragged_record(with_sentinel(b"x,y\n1,2\n"), ",", 1 << 20) is None
