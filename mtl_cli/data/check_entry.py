"""Checks that an entry of the cache fits a data set, its features and its outputs."""

from pydantic import FiniteFloat, TypeAdapter

from mtl_cli.columns.labels import LabelSummary
from mtl_cli.data.cache_entry import Entry
from mtl_cli.data.dataset import Dataset
from mtl_cli.data.feature_set import FeatureSet
from mtl_cli.data.report import Report
from mtl_cli.data.table import Array
from mtl_cli.heads.base import Output


def check_entry(entry: Entry, dataset: Dataset, outputs: list[Output]) -> None:
    """Checks that an entry of the cache fits the features and the outputs.

    Other users may write to a shared cache. Without this check, an array of another
    type or width, or a report that lacks a number, would make the run fail much later.

    Raises:
        ValueError: if an array of features is missing, or has another type or width; or
            if the data report or the statistics of labels are incomplete.
        DataError: if the values that a feature has learnt are damaged.
    """
    check_report_and_labels(entry, dataset, outputs)
    features = FeatureSet(dataset.used_features, entry.manifest["features"])
    # The features encode one made-up row, to show what each array must be like.
    expected = types_and_widths(features.encode(features.examples(1)))
    tables = entry.tables()
    if "train" not in tables:
        raise ValueError("there are no training rows")
    for split, table in tables.items():
        if types_and_widths(table.read(0, 1).features) != expected:
            raise ValueError(f"the arrays of {split} do not fit the features")


def check_report_and_labels(
    entry: Entry, dataset: Dataset, outputs: list[Output]
) -> None:
    """Checks the form of an entry's data report and of its statistics of labels.

    Raises:
        ValueError: if a number is missing, or a value is not of the expected type.
    """
    report = TypeAdapter(Report).validate_python(entry.manifest["report"], strict=True)
    statistics = TypeAdapter(dict[str, dict[str, FiniteFloat]]).validate_python(
        entry.manifest["labels"], strict=True
    )
    one_label = LabelSummary(count=1, lowest=0.0, highest=0.0)
    keys = {o.name: set(o.task.label_statistics(one_label)) for o in outputs}
    if {name: set(numbers) for name, numbers in statistics.items()} != {
        name: names for name, names in keys.items() if names
    }:
        raise ValueError("the statistics of labels do not fit the outputs")
    if set(report["tasks"]) != set(keys) or (
        set(report["features"]) != set(dataset.used_features)
    ):
        raise ValueError("the data report does not fit the outputs and features")


def types_and_widths(arrays: dict[str, Array]) -> dict[str, tuple[str, int]]:
    """Returns {name: (type of the array's values, number of values in a row)}."""
    return {name: (x.dtype.str, x.shape[1]) for name, x in arrays.items()}
