"""The results of a finished run, read from its folder."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mtl_cli.core.errors import (
    DAMAGED_FILE_ERRORS,
    ConfigError,
    DataError,
    MtlError,
    first_line,
)
from mtl_cli.core.message_text import shown
from mtl_cli.core.other_files import MAX_BYTES, check_regular, read_json_object

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Run:
    """The results of a run. Each result is read from its file when it is first used.

    Args:
        folder: the run folder: `outputs/runs/NAME`, or `outputs/sweeps/NAME/JOB`.
        has_only_checked: whether the run has only checked its data and left no folder,
            so that `metrics` is empty.

    Example:
        >>> from mtl_cli import Run
        >>> run = Run("outputs/runs/adult-ple")
        >>> run.folder.name
        'adult-ple'
    """

    folder: Path
    has_only_checked: bool = field(default=False, repr=False, compare=False)

    def __init__(
        self, folder: "str | PathLike[str]", has_only_checked: bool = False
    ) -> None:
        try:
            path = Path(folder).resolve()
        except (TypeError, ValueError):
            raise ConfigError(
                f"Run: folder: expected the path of a folder, but got {shown(folder)}"
            ) from None
        # A frozen dataclass does not allow `self.folder = ...`.
        object.__setattr__(self, "folder", path)
        object.__setattr__(self, "has_only_checked", has_only_checked)

    def __fspath__(self) -> str:
        return str(self.folder)

    @cached_property
    def metrics(self) -> dict[str, dict[str, dict[str, Any]]]:
        """The metrics, {split: {task: {metric: value}}}.

        An undefined metric is None. A run that only checked its data has no metrics.
        """
        has_file = (self.folder / "metrics.json").exists()
        if self.has_only_checked or (not has_file and self.config.get("check_only")):
            return {}
        with self._reading("metrics.json") as path:
            return read_json_object(path)

    @cached_property
    def history(self) -> "pd.DataFrame":
        """The losses and validation metrics, with one row per epoch."""
        import pandas as pd

        with self._reading("history.csv") as path:
            check_regular(path, MAX_BYTES)
            return pd.read_csv(path)

    @cached_property
    def predictions(self) -> "pd.DataFrame":
        """The row numbers, labels and predictions of the test rows."""
        from mtl_cli.runs.predictions_file import PREDICTIONS, read_predictions

        with self._reading(PREDICTIONS):
            table = read_predictions(self.folder, lambda names: names)
            # With the metadata of pandas, a column could become the index.
            frame: pd.DataFrame = table.to_pandas(ignore_metadata=True)
            return frame

    @cached_property
    def config(self) -> dict[str, Any]:
        """The configuration with all references resolved, without Hydra's own keys."""
        from mtl_cli.runs.saved_config import read_config

        with self._reading("config.yaml"):
            return read_config(self.folder)

    def plot(self) -> "Figure":
        """Draws the losses and the first validation metric of each task over epochs.

        Returns: a figure of matplotlib. A dotted line marks the epoch whose weights
            were kept.
        """
        from mtl_cli.pages.figures import figure_of
        from mtl_cli.runs.plots import learning_curves

        history, config = self.history, self.config
        with self._reading("config.yaml"):
            stops_early = config["trainer"]["patience"] is not None
        with self._reading("history.csv"):
            best_epochs = history["epoch"][history["best"].astype(bool)]
            # Without early stopping, or if no epoch is marked as the best, the weights
            # of the last epoch are kept.
            has_best = stops_early and len(best_epochs) > 0
            kept_epoch = (best_epochs if has_best else history["epoch"]).iloc[-1]
            rows: list[dict[str, Any]] = history.astype(float).to_dict("records")  # type: ignore[assignment]
            return figure_of(learning_curves(rows, int(kept_epoch)))

    def _repr_html_(self) -> str:
        """Returns the tables of scores as HTML, for notebooks."""
        from mtl_cli.pages.render import render
        from mtl_cli.runs.text_tables import score_tables

        sections = []
        warnings: list[str] = []
        # If this method raised an error, a notebook would show nothing.
        try:
            with self._reading("metrics.json"):
                # The scores on test rows come first, as in the report of the run.
                for split in sorted(self.metrics, key=lambda split: split != "test"):
                    tables = score_tables(self.metrics[split])
                    title = f"Scores on {split} rows"
                    sections.append({"title": title, "tables": tables, "lines": []})
            if not sections:
                warnings.append("the run has no scores: it only checked its data")
        except MtlError as error:
            warnings.append(str(error))
        name = self.folder.name
        return render("notebook.html", title=name, sections=sections, warnings=warnings)

    @contextlib.contextmanager
    def _reading(self, name: str) -> Iterator[Path]:
        """Yields the path of a file; a missing or damaged file is a `DataError`."""
        path = self.folder / name
        try:
            yield path
        except FileNotFoundError:
            raise DataError(
                f"{path}: no such file; name the folder of a finished run of a kind "
                "that writes this file"
            ) from None
        except DAMAGED_FILE_ERRORS as error:
            raise DataError(
                f"{path} is damaged: {first_line(error)}; train the model again"
            ) from None
