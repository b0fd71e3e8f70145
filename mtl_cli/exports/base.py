"""The base class of formats of exported models; each format is one file here."""

from abc import abstractmethod
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from mtl_cli.core.errors import ConfigError
from mtl_cli.core.options import Options
from mtl_cli.core.other_files import read_json_object

if TYPE_CHECKING:
    import numpy.typing as npt
    import pyarrow as pa

    from mtl_cli.config.run_config import Config
    from mtl_cli.data.feature_set import FeatureSet
    from mtl_cli.graphs.base import InputKind
    from mtl_cli.network.build import Network

    Predictions = dict[str, npt.NDArray[Any]]  # {column: (rows,)}

AXIS = "exports"
RECORD = "export.json"
BYTES_PER_ID = 8


@dataclass(frozen=True)
class TrainedModel:
    """A trained model, as it is read from a run folder.

    Attributes:
        network: the trained network.
        features: the fitted features.
        config: the configuration of the run.
    """

    network: "Network"
    features: "FeatureSet"
    config: "Config"


class Export(Options):
    """A format of exported models.

    An export holds a record: {"format", "mtl_cli" (the version), "inputs" {column: kind
    of input}, "outputs" [column], "rows" {column: cells}, "predictions" {column:
    numbers}}. The rows and the predictions test the export. An export that is a folder
    holds the record in `export.json`, with the hashes of the other files as "files".

    Attributes:
        packages: the packages that the format needs besides the packages of mtl-cli.
        extra: the extra of mtl-cli that installs these packages.
        tolerance: the largest allowed difference of a prediction p from the prediction
            of `mtl-predict`, as a multiple of max(1, |p|).
        byproducts: patterns of files that the use of an export adds to its folder.
    """

    packages: ClassVar[tuple[str, ...]] = ()
    extra: ClassVar[str] = ""
    tolerance: ClassVar[float] = 1e-6
    byproducts: ClassVar[tuple[str, ...]] = ()

    def check(self, name: str, target: Path) -> None:
        """Refuses the export if a package is missing, or the target has a wrong name.

        Args:
            name: the name of the format.
            target: the file or folder to write.

        Raises:
            ConfigError: if the export is refused.
        """
        if any(find_spec(package) is None for package in self.packages):
            raise ConfigError(
                f"--format {name}: needs packages: pip install 'mtl-cli[{self.extra}]'"
            )

    @abstractmethod
    def write(self, model: TrainedModel, record: dict[str, Any], path: Path) -> None:
        """Writes an export.

        Args:
            model: the model.
            record: the record. The export must hold it.
            path: the file or folder to write; nothing exists there.

        Raises:
            ConfigError: if the format cannot hold a part of the model.
        """

    @abstractmethod
    def predict(
        self, path: Path, rows: "pa.Table", kinds: "dict[str, InputKind]"
    ) -> "Predictions":
        """Predicts raw rows with an export, and with nothing else of the run.

        Args:
            path: the file or folder of the export.
            rows: raw rows.
            kinds: {column: what the export's input holds}.
        """

    def read_record(self, path: Path) -> dict[str, Any] | None:
        """Returns the record of an export; None if the path is none of this format.

        Raises:
            OSError: if a file cannot be read.
            ValueError: if the record is damaged.
        """
        if not (path / RECORD).is_file():
            return None
        return read_json_object(path / RECORD)


def vocabulary_bytes(model: TrainedModel) -> int:
    """Returns about how many bytes the vocabularies of a model take, with their ids."""
    return sum(
        len(value.encode()) + BYTES_PER_ID
        for learnt in model.features.learnt.values()
        for value in learnt.get("vocabulary", [])
    )
