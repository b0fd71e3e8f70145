"""`mtl_cli.compare`: which model is better, by how much, and whether it is real."""

from os import PathLike, fspath
from typing import TYPE_CHECKING

from mtl_cli.core.errors import ConfigError

if TYPE_CHECKING:
    import pandas as pd

    from mtl_cli.comparison.results import DatasetComparison


class Comparison:
    """The result of a comparison, one data set at a time.

    Attributes:
        datasets: the comparison of each data set.
        warnings: reasons to trust the comparison less, such as few seeds.
    """

    def __init__(self, datasets: "list[DatasetComparison]") -> None:
        self.datasets = datasets
        self.warnings = [line for each in datasets for line in each.warnings]

    def to_frame(self) -> "pd.DataFrame":
        """Returns one row per data set, configuration and task, at full precision."""
        import pandas as pd

        return pd.concat([c.to_frame() for c in self.datasets], ignore_index=True)

    def __str__(self) -> str:
        from mtl_cli.comparison.table import as_markdown

        return as_markdown(self.datasets)


def compare(
    *folders: "str | PathLike[str]",
    baseline: str | None = None,
    metric: str | None = None,
    split: str = "test",
) -> Comparison:
    """Compares runs with each other, as `mtl-compare` does.

    Args:
        folders: `Run`s, run folders, sweep folders, or folders that hold them.
        baseline: `KEY=VALUE[,KEY=VALUE]` of the configuration that all others are
            compared with; None for the first with `model=shared_bottom`, or else the
            first.
        metric: the metric to compare; None for the first metric of each task.
        split: the split whose scores are compared: `test`, `valid` or `train`.

    Raises:
        ConfigError: if there is nothing to compare, or a name is unknown.

    Example:
        mtl_cli.compare("outputs/sweeps/NAME", metric="log_loss").to_frame()
    """
    from mtl_cli.comparison.compare_datasets import compare_datasets
    from mtl_cli.comparison.runs import read_runs

    if not folders:
        raise ConfigError("mtl_cli.compare: no folder; name runs or sweeps to compare")
    runs = read_runs([fspath(folder) for folder in folders])
    return Comparison(compare_datasets(runs, baseline, metric, split))
