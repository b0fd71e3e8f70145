"""The function `mtl_cli.compare`, and its result."""

from collections.abc import Sequence
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING

from mtl_cli.api.checked_calls import checked_call
from mtl_cli.api.run import Run
from mtl_cli.api.unchanged_process import unchanged_process
from mtl_cli.core.errors import ConfigError
from mtl_cli.core.locations import path_list

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from mtl_cli.comparison.results import DatasetComparison


class Comparison:
    """The result of a comparison of runs.

    Attributes:
        datasets: the comparisons, one for each data set of the runs.
        lines: the comparisons of lines, one for each data set that has lines. A line is
            a chain of daily runs: each starts from the run of the day before.
        warnings: reasons to trust the comparison less, such as few seeds.
    """

    def __init__(
        self,
        datasets: "list[DatasetComparison]",
        lines: "Sequence[DatasetComparison]" = (),
    ) -> None:
        self.datasets = datasets
        self.lines = lines
        self.warnings = [w for c in (*datasets, *lines) for w in c.warnings]

    def to_frame(self) -> "pd.DataFrame":
        """Returns a table with one row per data set, configuration and task.

        The comparisons of lines are left out.
        """
        import pandas as pd

        frames = [dataset.to_frame() for dataset in self.datasets]
        return pd.concat(frames, ignore_index=True)

    def plot(self) -> "Figure":
        """Draws the mean of each configuration over its seeds, with its interval.

        The comparisons of lines are left out.

        Returns: a figure of matplotlib with one panel for each task of each data set. A
            dotted line marks the mean of the baseline.
        """
        from mtl_cli.comparison.plots import interval_plot
        from mtl_cli.pages.figures import figure_of

        return figure_of(
            [
                interval_plot(dataset, task)
                for dataset in self.datasets
                for task in dataset.tasks
            ]
        )

    def ensemble(self, folder: "str | PathLike[str]") -> Run:
        """Combines the runs of one configuration, with different seeds, into one model.

        The model predicts the mean of the runs' predictions. If several configurations
        have several seeds, the configuration with the best mean of `trainer.monitor` on
        validation rows is taken.

        Args:
            folder: the run folder to write.

        Raises:
            ConfigError: if the folder exists, if no configuration has several seeds, or
                if the runs differ in more than the seed.
            DataError: if the data has changed since the runs were trained.

        Example:
            mtl_cli.compare("outputs/sweeps/NAME").ensemble("outputs/runs/average")
        """
        from mtl_cli.comparison.ensemble import best_configuration

        best, _ = best_configuration(self.datasets)
        with unchanged_process():
            from mtl_cli.runs.ensemble import write_ensemble

            write_ensemble(best.folders, Path(folder), quiet=True)
        return Run(folder)

    def _repr_html_(self) -> str:
        """Returns the tables of `mtl-compare --html`, for notebooks."""
        from mtl_cli.comparison.page import notebook

        return notebook([*self.datasets, *self.lines])

    def __str__(self) -> str:
        from mtl_cli.comparison.table import as_markdown

        return as_markdown(self.datasets, self.lines)


@checked_call
def compare(
    *folders: str | PathLike[str] | Sequence[str | PathLike[str]],
    baseline: str | PathLike[str] | None = None,
    metric: str | None = None,
    split: str | None = None,
    tasks: str | Sequence[str] = (),
    plugins: str | PathLike[str] | Sequence[str | PathLike[str]] = (),
) -> Comparison:
    """Compares runs with each other, as `mtl-compare` does.

    Args:
        folders: `Run`s, run folders, sweep folders, or folders that hold runs;
            also lists of these.
        baseline: the configuration that all others are compared with, as
            `KEY=VALUE[,KEY=VALUE]`, or the folder of one of its runs. None chooses the
            first configuration with `model=shared_bottom`. If there is none, it chooses
            the first configuration with another model than `single_task`, or else the
            first configuration.
        metric: the metric to compare; None for the first metric of each task.
        split: the split whose scores are compared: `test`, `valid` or `train`. None
            takes `test`, or `valid` for data sets without test rows.
        tasks: the name of the task to compare, or several names; empty for all.
        plugins: the folder of plugins, or several folders, see `mtl_cli.load`. If a
            plugin defines the kind of a task, the task's metrics need the plugin.

    Example:
        mtl_cli.compare("outputs/sweeps/NAME", metric="log_loss").to_frame()
    """
    from mtl_cli.comparison.compare_datasets import Question, compare_datasets
    from mtl_cli.comparison.find_runs import read_runs
    from mtl_cli.comparison.lines import compare_lines
    from mtl_cli.core.plugins import use_folders

    if plugin_folders := path_list(plugins):
        use_folders(plugin_folders)
    paths = [path for folder in folders for path in path_list(folder)]
    if not paths:
        raise ConfigError("mtl_cli.compare: no folder; name runs or sweeps to compare")
    runs = read_runs(paths)
    task_names = [tasks] if isinstance(tasks, str) else list(tasks)
    requested = None if baseline is None else fspath(baseline)
    question = Question(requested, metric, split, task_names)
    return Comparison(compare_datasets(runs, question), compare_lines(runs, question))
