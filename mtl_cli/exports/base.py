"""The base class of export formats; each format is one file in this folder.

An export is a file or folder that predicts raw rows without the run folder.
"""

from abc import abstractmethod
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, TypedDict

from mtl_cli.core.errors import ConfigError
from mtl_cli.core.options import Options
from mtl_cli.core.other_files import read_json_object

if TYPE_CHECKING:
    import numpy.typing as npt
    import pyarrow as pa

    from mtl_cli.config.run_config import Config
    from mtl_cli.data.feature_set import FeatureSet
    from mtl_cli.graphs.base import InputKind
    from mtl_cli.network.network import Network

    Predictions = dict[str, npt.NDArray[Any]]  # {output: (rows,)}

AXIS = "exports"
RECORD_FILE = "export.json"
BYTES_PER_ID = 8


class ExportRecord(TypedDict):
    """Describes an export. The record is stored in the export as JSON.

    If the export is a folder, the record is the file `export.json`. This file has one
    more key: `files`, the hashes of all other files in the folder.

    Attributes:
        format: the name of the format.
        mtl_cli: the version of mtl-cli that wrote the export.
        inputs: {raw column that the export reads: kind of its cells}.
        constants: {raw column: value}, for columns that the export does not read,
            because all rows have the same value.
        outputs: the names of the predictions.
        rows: {raw column: cells} of a few example rows; see `FeatureSet.examples`.
        predictions: {output: numbers}, the predictions of the run for the example rows.
            `mtl-export --verify` compares the predictions of the export with them.
    """

    format: str
    mtl_cli: str
    inputs: "dict[str, InputKind]"
    constants: dict[str, Any]
    outputs: list[str]
    rows: dict[str, list[Any]]
    predictions: dict[str, list[float]]


@dataclass(frozen=True)
class TrainedModel:
    """A trained model with everything that is needed to predict raw rows."""

    network: "Network"
    features: "FeatureSet"  # encodes raw rows for the network
    config: "Config"


class ExportFormat(Options):
    """A format in which models can be exported.

    Attributes:
        packages: the Python packages that the format needs, if mtl-cli itself does not
            need them.
        extra: the extra that installs the packages: `pip install 'mtl-cli[EXTRA]'`.
        tolerance: the largest accepted error of an export's prediction. The error is
            |x - y| / (s (1 + log s)) with s = max(1, |y|), where x is the prediction of
            the export and y the prediction of `mtl-predict`. The logarithm is there
            because a large y may be exp(z): the rounding error of z grows with z, and
            the error of y is the rounding error of z times y.
        has_inputs: whether an export reads raw columns by itself. If not, the export
            cannot replace a column by a constant.
        byproducts: glob patterns of files that appear in the folder of an export when
            a program uses the export. `--force` replaces a folder despite such files.
    """

    packages: ClassVar[tuple[str, ...]] = ()
    extra: ClassVar[str] = ""
    tolerance: ClassVar[float] = 1e-6
    has_inputs: ClassVar[bool] = True
    byproducts: ClassVar[tuple[str, ...]] = ()

    def check(self, name: str, target: Path) -> None:
        """Checks that the packages of the format are installed.

        A format that restricts the name of the target overrides this method, and checks
        the name too.

        Args:
            name: the name of the format, for the error message.
            target: the file or folder that the user asked for.

        Raises:
            ConfigError: if a package is missing, or the name is not allowed.
        """
        if any(find_spec(package) is None for package in self.packages):
            raise ConfigError(
                f"--format {name}: packages are missing; install them with: "
                f"pip install 'mtl-cli[{self.extra}]'"
            )

    @abstractmethod
    def write(self, model: TrainedModel, record: ExportRecord, path: Path) -> None:
        """Writes an export.

        Args:
            model: the model to export.
            record: the record. The format must store it in the export.
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

        Args:
            path: the file or folder of the export.
            rows: the raw rows.
            input_kinds: {column: kind of its cells}, from the record.
        """

    def read_record(self, path: Path) -> dict[str, Any] | None:
        """Reads the record of an export, without checking its keys.

        Returns: None if the path is not an export of this format.

        Raises:
            OSError: if a file cannot be read.
            ValueError: if the record is damaged.
        """
        if not (path / RECORD_FILE).is_file():
            return None
        return read_json_object(path / RECORD_FILE)


def vocabulary_bytes(model: TrainedModel) -> int:
    """Estimates the size of a model's vocabularies: the texts and their ids."""
    return sum(
        len(text.encode()) + BYTES_PER_ID
        for learnt in model.features.learnt.values()
        for text in learnt.get("vocabulary", [])
    )
