"""The export format `mlflow`: an MLflow model, for `mlflow models serve`."""

import contextlib
import os
import re
import shutil
import warnings
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, ClassVar

from mtl_cli.core.atomic_write import RUN_AGAIN, named_write_errors, temporary_folder
from mtl_cli.core.errors import DataError
from mtl_cli.core.written_files import HASHES_KEY
from mtl_cli.exports.base import ExportFormat, ExportRecord
from mtl_cli.exports.saved_model import SavedModel, check_path
from mtl_cli.network.trained_model import TrainedModel

if TYPE_CHECKING:
    import pyarrow as pa
    from mlflow.models import ModelSignature

    from mtl_cli.exports.base import Predictions
    from mtl_cli.graphs.base import InputKind

CODE_FILE = "_mlflow_model.py"  # a file of this folder
ARTIFACT = "model"  # the name of the SavedModel among the artifacts
QUIET_VARIABLES = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
}
REQUIRED_PACKAGES = ("numpy", "pandas", "tensorflow")  # besides MLflow


class MLflow(ExportFormat):
    """An MLflow model of the flavour `pyfunc` that contains a SavedModel."""

    packages: ClassVar[tuple[str, ...]] = ("mlflow",)
    extra: ClassVar[str] = "mlflow"
    byproducts: ClassVar[tuple[str, ...]] = ("__pycache__/_mlflow_model.*.pyc",)

    def check(self, format_name: str, target: Path) -> None:
        super().check(format_name, target)
        check_path(format_name, target)

    def write(self, model: TrainedModel, record: ExportRecord, path: Path) -> None:
        # A full disk of the temporary folder has another fix than one of the export. So
        # MLflow writes to the temporary folder, in which it keeps its own copies too.
        with quiet(), temporary_folder("mtl-export-") as folder:
            import mlflow

            # mtl-cli installs mlflow-skinny, a part of mlflow. Both have the same
            # version numbers, so the export can require mlflow itself.
            requirements = [f"mlflow=={version('mlflow-skinny')}"]
            requirements += [
                f"{package}=={version(package)}" for package in REQUIRED_PACKAGES
            ]
            SavedModel().write(model, record, folder / ARTIFACT)
            written = folder / "written"
            with plain_system_errors():
                mlflow.pyfunc.save_model(
                    written,
                    python_model=str(Path(__file__).with_name(CODE_FILE)),
                    artifacts={ARTIFACT: str(folder / ARTIFACT)},
                    signature=signature(record),
                    pip_requirements=requirements,
                )
            with named_write_errors(path, RUN_AGAIN), plain_system_errors():
                shutil.move(written, path)

    def check_hashes(self, path: Path, record: ExportRecord) -> None:
        if HASHES_KEY in record and os.path.lexists(path / "__pycache__"):
            raise DataError(
                f"{path} holds '__pycache__', compiled code that no hash protects; "
                "remove this folder, then verify the export"
            )
        super().check_hashes(path, record)

    def predict(
        self, path: Path, rows: "pa.Table", input_kinds: "dict[str, InputKind]"
    ) -> "Predictions":
        with quiet():
            from mtl_cli.exports._mlflow_model import RawColumnsModel

        # Somebody may have changed the copy of the code in the export. Therefore the
        # original in this package runs instead.
        model = RawColumnsModel()
        # MLflow calls the model in the same way, with a context that holds the paths of
        # the artifacts.
        artifacts = {ARTIFACT: str(path / "artifacts" / ARTIFACT)}
        model.load_context(SimpleNamespace(artifacts=artifacts))
        columns = model.predict(context=None, model_input=rows.to_pandas())
        return {str(name): values.to_numpy() for name, values in columns.items()}


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keeps MLflow from reporting its use, and from printing, inside the block."""
    for name, value in QUIET_VARIABLES.items():
        os.environ.setdefault(name, value)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@contextlib.contextmanager
def plain_system_errors() -> Iterator[None]:
    """Raises the `OSError` behind an error of MLflow, or of `shutil` for many files.

    Some of these errors hold only the texts of others: "[Errno 28] No space left ...".
    """
    try:
        yield
    except Exception as error:
        number = re.search(r"\[Errno (\d+)\]", f"{error} {error.__context__}")
        if number:
            raise OSError(int(number[1]), os.strerror(int(number[1]))) from error
        raise


def signature(record: ExportRecord) -> "ModelSignature":
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, DataType, Schema, TensorSpec
    from mlflow.types.schema import AnyType, Array

    types: dict[str, Any] = {
        "text": DataType.string,
        "number": DataType.double,
        # The type of the texts in a list is left open: with `Array(DataType.string)`,
        # MLflow would shorten the texts of a list that contains a null.
        "texts": Array(AnyType()),  # type: ignore[no-untyped-call]
        "numbers": Array(DataType.double),
    }
    # MLflow accepts missing cells only in columns that are not required, so no column
    # is required.
    inputs: list[ColSpec | TensorSpec] = [
        ColSpec(types[kind], name, required=False)
        for name, kind in record["inputs"].items()
    ]
    outputs: list[ColSpec | TensorSpec] = [
        ColSpec(DataType.double, name) for name in record["outputs"]
    ]
    return ModelSignature(Schema(inputs), Schema(outputs))
