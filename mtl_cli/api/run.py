"""The results of a finished run, read from its folder."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from mtl_cli.core.errors import DAMAGED_FILE_ERRORS, DataError, first_line
from mtl_cli.core.other_files import read_json_object

if TYPE_CHECKING:
    import pandas as pd

T = TypeVar("T")


@dataclass(frozen=True)
class Run:
    """The results of a run, each read from its folder at first use.

    Args:
        folder: the run folder: `outputs/runs/NAME`, or `outputs/sweeps/NAME/JOB`.

    Example:
        >>> from mtl_cli import Run
        >>> run = Run("outputs/runs/adult-ple")
        >>> run.folder.name
        'adult-ple'
    """

    folder: Path

    def __init__(self, folder: "str | PathLike[str]") -> None:
        object.__setattr__(self, "folder", Path(folder).resolve())

    def __fspath__(self) -> str:
        return str(self.folder)

    @cached_property
    def metrics(self) -> dict[str, dict[str, dict[str, Any]]]:
        """The metrics, {split: {task: {metric: value}}}; an undefined metric is None.

        Empty if the run only checked its data.
        """
        if not (self.folder / "metrics.json").exists() and self.config["check_only"]:
            return {}
        metrics: dict[str, Any] = self._read("metrics.json", read_json_object)
        return metrics

    @cached_property
    def history(self) -> "pd.DataFrame":
        """The losses and validation metrics, one row per epoch."""
        import pandas as pd

        return self._read("history.csv", pd.read_csv)

    @cached_property
    def predictions(self) -> "pd.DataFrame":
        """The row numbers, labels and predictions of the test rows."""
        import pandas as pd

        return self._read("predictions.parquet", pd.read_parquet)

    @cached_property
    def config(self) -> dict[str, Any]:
        """The resolved configuration, without Hydra's own keys."""
        from mtl_cli.runs.saved_config import read_config

        return self._read("config.yaml", lambda path: read_config(path.parent))

    def _read(self, name: str, read: Callable[[Path], T]) -> T:
        path = self.folder / name
        try:
            return read(path)
        except FileNotFoundError:
            raise DataError(
                f"{path}: no such file; is this the folder of a finished run that "
                "writes this file?"
            ) from None
        except DAMAGED_FILE_ERRORS as error:
            raise DataError(
                f"{path} is damaged: {first_line(error)}; train the model again"
            ) from None
