"""The base class of export formats; each format is one file in this folder.

An export is a file or folder that predicts raw rows without the run folder.
"""

import hashlib
import json
from abc import abstractmethod
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, TypedDict, cast

from mtl_cli.core.errors import ConfigError
from mtl_cli.core.options import Options
from mtl_cli.core.other_files import read_json_object
from mtl_cli.core.written_files import HASHES_KEY, check_none_missing, check_written

if TYPE_CHECKING:
    import numpy.typing as npt
    import pyarrow as pa

    from mtl_cli.graphs.base import InputKind
    from mtl_cli.network.trained_model import TrainedModel

    Predictions = dict[str, npt.NDArray[Any]]  # {output: (rows,)}

AXIS = "exports"  # the folder of the formats, for `option_names` and `option_class`
RECORD_FILE = "export.json"
# The key of the record in a single file: the SHA-256 of the file without its record.
FILE_HASH_KEY = "sha256"
# The key of the SHA-256 of the record without this key.
RECORD_HASH_KEY = "record_sha256"


class ExportRecord(TypedDict):
    """Describes an export. The record is stored in the export as JSON.

    If the export is a folder, the record is the file `export.json`. The file has one
    more key: `files`, the hashes of all other files in the folder. The record in an
    ONNX file has the key `sha256`, the hash of the bytes in front of the record. Both
    have the key `record_sha256`, see `with_hash`.

    Attributes:
        format: the name of the format.
        mtl_cli: the version of mtl-cli that wrote the export.
        inputs: {raw column that the export reads: kind of its cells}.
        constants: {raw column: value}, for columns that the export does not read,
            because the user has set one value for all rows.
        outputs: the names of the predictions.
        rows: a few example rows, stored by column: {raw column: cells, (example
            rows,)}; see `feature_graph.example_rows`.
        predictions: {output: the run's predictions for the example rows, (example
            rows,)}. `mtl-export --verify` compares the predictions of the export with
            these predictions.
    """

    format: str
    mtl_cli: str
    inputs: "dict[str, InputKind]"
    constants: dict[str, Any]
    outputs: list[str]
    rows: dict[str, list[Any]]
    predictions: dict[str, list[float]]


class ExportFormat(Options):
    """A format in which models can be exported.

    If x is a prediction of the export, and y the same prediction of `mtl-predict`, the
    error of the export is

        |x - y| / (s (1 + log s)),    s = max(1, |y|)

    The factor 1 + log s is for a large prediction y = exp(z). The error of y is y times
    the rounding error of z, and the rounding error of z grows with z = log y.

    Attributes:
        packages: the Python packages that the format needs, if mtl-cli itself does not
            need them; names without dots.
        extra: the extra that installs the packages: `pip install 'mtl-cli[EXTRA]'`.
        tolerance: the largest accepted error of a prediction.
        has_inputs: whether an export takes raw columns as its inputs. If not, as in an
            export of weights alone, the user cannot set a column to one value.
        byproducts: glob patterns of files that appear in the folder of an export when
            a program uses the export. `--force` removes such files. `--verify` refuses
            them: they may be compiled code that somebody has put there.
    """

    packages: ClassVar[tuple[str, ...]] = ()
    extra: ClassVar[str] = ""
    tolerance: ClassVar[float] = 1e-6
    has_inputs: ClassVar[bool] = True
    byproducts: ClassVar[tuple[str, ...]] = ()

    def check(self, format_name: str, target: Path) -> None:
        """Checks that the packages of the format are installed.

        A format that restricts the names of its files overrides this method, and checks
        the name of the target too.

        Args:
            format_name: the name of the format, for the error message.
            target: the file or folder that the user asked for.

        Raises:
            ConfigError: if a package is missing, or the target's name is not allowed.
        """
        missing = [package for package in self.packages if find_spec(package) is None]
        if missing:
            raise ConfigError(
                f"--format {format_name}: not installed: {', '.join(missing)}; install "
                f"the packages of this format with: pip install 'mtl-cli[{self.extra}]'"
            )

    @abstractmethod
    def write(self, model: "TrainedModel", record: ExportRecord, path: Path) -> None:
        """Writes an export.

        Args:
            model: the model to export.
            record: the record. If the export is a single file, this method must store
                the record in the file. If it is a folder, the caller adds the record.
            path: the file or folder to write. Nothing exists there yet. The caller
                moves the export from there to the target.

        Raises:
            ConfigError: if the format cannot hold a part of the model.
        """

    @abstractmethod
    def predict(
        self, path: Path, rows: "pa.Table", input_kinds: "dict[str, InputKind]"
    ) -> "Predictions":
        """Predicts raw rows with the export alone, without the run folder.

        `input_kinds` is {column: kind of its cells}, from the record.
        """

    def read_record(self, path: Path) -> dict[str, Any] | None:
        """Reads the record of an export, without checking its keys.

        The method reads the file `export.json` of an export that is a folder. A format
        whose exports are single files must override the method.

        Returns: the record; None if the path is not an export of this format.

        Raises:
            OSError: if a file cannot be read.
            ValueError: if the record is damaged.
        """
        if not (path / RECORD_FILE).is_file():
            return None
        return read_json_object(path / RECORD_FILE)

    def check_hashes(self, path: Path, record: ExportRecord) -> None:
        """Compares the files of an export with the hashes in its record.

        The method runs before a library loads the files. A format whose exports are
        single files may override the method, and compare the file with `FILE_HASH_KEY`
        in the record: without this key, `--force` does not replace the file. A record
        of an earlier version of mtl-cli may hold no hashes; then nothing is compared.

        Raises:
            OSError: if a file cannot be read.
            ValueError: if a file was added, changed or removed.
        """
        hashes = record.get(HASHES_KEY)
        if hashes is not None:
            check_written(path, RECORD_FILE, hashes)
            check_none_missing(path, cast("dict[str, str]", hashes))


def with_hash(record: Mapping[str, Any]) -> dict[str, Any]:
    """Adds the SHA-256 of a record to the record."""
    text = json.dumps({k: x for k, x in record.items() if k != RECORD_HASH_KEY})
    return {**record, RECORD_HASH_KEY: hashlib.sha256(text.encode()).hexdigest()}


def vocabulary_bytes(model: "TrainedModel") -> int:
    """Estimates the size of a model's vocabularies: the texts, and 8 bytes per id."""
    return sum(
        len(text.encode()) + 8
        for learnt in model.features.learnt.values()
        for text in learnt.get("vocabulary", [])
    )
