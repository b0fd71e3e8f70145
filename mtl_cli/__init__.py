"""Trains multi-task recommendation models from configurations.

    import mtl_cli

    run = mtl_cli.train("model=ple", trainer={"epochs": 2})
    run.metrics["test"]["income"]["auc"]
    mtl_cli.load(run).predict(table)
    mtl_cli.load(run).evaluate(table).metrics
    mtl_cli.compare("outputs/sweeps/NAME").to_frame()

`import mtl_cli` is quick: a public name is imported only when it is used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mtl_cli import layers
    from mtl_cli.api.compare import Comparison, compare
    from mtl_cli.api.model import Model, load
    from mtl_cli.api.run import Run
    from mtl_cli.api.train import train
    from mtl_cli.core.errors import (
        ConfigError,
        DataError,
        ExportError,
        LostWorkerError,
        MtlError,
        TrainingError,
        WriteError,
    )
    from mtl_cli.evaluation.evaluation import Evaluation

    __version__: str

__all__ = [
    "Comparison",
    "ConfigError",
    "DataError",
    "Evaluation",
    "ExportError",
    "LostWorkerError",
    "Model",
    "MtlError",
    "Run",
    "TrainingError",
    "WriteError",
    "__version__",
    "compare",
    "layers",
    "load",
    "train",
]

# The module of each public name. The errors are missing here: all of them are in
# `mtl_cli.core.errors`.
_MODULES = {
    "Comparison": "mtl_cli.api.compare",
    "Evaluation": "mtl_cli.evaluation.evaluation",
    "Model": "mtl_cli.api.model",
    "Run": "mtl_cli.api.run",
    "compare": "mtl_cli.api.compare",
    "load": "mtl_cli.api.model",
    "train": "mtl_cli.api.train",
}


# A checker of types would take any name, such as `mtl_cli.trian`, for one of these.
if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        if name not in __all__:
            raise AttributeError(f"module 'mtl_cli' has no attribute {name!r}")
        if name == "__version__":
            from importlib.metadata import version

            return version("mtl-cli")
        if name == "layers":
            return import_module("mtl_cli.layers")
        return getattr(import_module(_MODULES.get(name, "mtl_cli.core.errors")), name)


def __dir__() -> list[str]:
    return __all__
