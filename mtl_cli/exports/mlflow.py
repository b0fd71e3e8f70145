"""The format `mlflow`: a model that `mlflow models serve` serves."""

import contextlib
import os
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, ClassVar

from mtl_cli.exports.base import RECORD, Export, TrainedModel
from mtl_cli.exports.saved_model import SavedModel

if TYPE_CHECKING:
    import pyarrow as pa
    from mlflow.models import ModelSignature

    from mtl_cli.exports.base import Predictions
    from mtl_cli.graphs.base import InputKind

CODE = "_mlflow_model.py"
MODEL = "model"  # the name of the SavedModel among the artifacts
QUIET_VARIABLES = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
}
REQUIRED_PACKAGES = ("mlflow", "numpy", "pandas", "tensorflow")


class MLflow(Export):
    """An MLflow model of the flavour pyfunc, with a SavedModel in it."""

    packages: ClassVar[tuple[str, ...]] = ("mlflow",)
    extra: ClassVar[str] = "mlflow"
    byproducts: ClassVar[tuple[str, ...]] = ("__pycache__/_mlflow_model.*.pyc",)

    def write(self, model: TrainedModel, record: dict[str, Any], path: Path) -> None:
        with quiet(), tempfile.TemporaryDirectory(prefix="mtl-export-") as folder:
            import mlflow

            saved_model = Path(folder, MODEL)
            SavedModel().write(model, record, saved_model)
            mlflow.pyfunc.save_model(
                path,
                python_model=str(Path(__file__).with_name(CODE)),
                artifacts={MODEL: str(saved_model)},
                signature=signature(record),
                pip_requirements=[f"{p}=={version_of(p)}" for p in REQUIRED_PACKAGES],
            )
        shutil.copy(path / "artifacts" / MODEL / RECORD, path / RECORD)

    def predict(
        self, path: Path, rows: "pa.Table", kinds: "dict[str, InputKind]"
    ) -> "Predictions":
        with quiet():
            from mtl_cli.exports._mlflow_model import RawColumns

        # The code in the folder may have been changed by somebody: ours runs instead.
        code = RawColumns()
        artifacts = {MODEL: str(path / "artifacts" / MODEL)}
        code.load_context(SimpleNamespace(artifacts=artifacts))
        columns = code.predict(None, rows.to_pandas())
        return {str(name): x.to_numpy() for name, x in columns.items()}


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keeps MLflow from printing, and from reporting its use, inside the block."""
    for name, value in QUIET_VARIABLES.items():
        os.environ.setdefault(name, value)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def version_of(package: str) -> str:
    """Returns the version of a package; for mlflow, the version of mlflow-skinny."""
    return version("mlflow-skinny" if package == "mlflow" else package)


def signature(record: dict[str, Any]) -> "ModelSignature":
    """Returns the types of the inputs and outputs of an exported model."""
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, DataType, Schema, TensorSpec
    from mlflow.types.schema import AnyType, Array

    types: dict[str, Any] = {
        "text": DataType.string,
        "number": DataType.double,
        # MLflow cuts the texts of an array that holds a null, if it knows their type.
        "texts": Array(AnyType()),  # type: ignore[no-untyped-call]
        "numbers": Array(DataType.double),
    }
    # MLflow accepts empty cells only in columns that are not required.
    inputs: list[ColSpec | TensorSpec] = [
        ColSpec(types[kind], name, required=False)
        for name, kind in record["inputs"].items()
    ]
    outputs: list[ColSpec | TensorSpec] = [
        ColSpec(DataType.double, name) for name in record["outputs"]
    ]
    return ModelSignature(Schema(inputs), Schema(outputs))
