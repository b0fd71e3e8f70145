"""Checks a proposed data set as `mtl-train check_only=true` does."""

from dataclasses import replace

import yaml
from pydantic import ValidationError

from mtl_cli.core.errors import DataError
from mtl_cli.data.dataset import Dataset
from mtl_cli.data.load import load
from mtl_cli.heads.base import Heads
from mtl_cli.init.column_proposal import ColumnProposal, leave_out
from mtl_cli.init.dataset_proposal import DatasetProposal
from mtl_cli.runs.preflight import check_monitor

FEATURES = "dataset.features."


def parse_dataset(text: str) -> Dataset:
    """Returns the data set of a YAML after checking it against the schema."""
    try:
        return Dataset.model_validate(yaml.load(text, yaml.CSafeLoader))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(map(str, first["loc"]))
        raise DataError(f"cannot describe this table: {key}: {first['msg']}") from None


def problem_of(dataset: Dataset) -> str:
    """Returns why `mtl-train` would refuse a data set; "" if it would not."""
    outputs = Heads().outputs(dataset.tasks)
    try:
        data = load(dataset, outputs)
        check_monitor("mean", outputs, data.splits["valid"])
    except DataError as error:
        return str(error)
    return ""


def without_refused_feature(
    proposal: DatasetProposal, problem: str
) -> DatasetProposal | None:
    """Returns a proposal without the feature that a message is about.

    Args:
        proposal: the proposal that `mtl-train` would refuse.
        problem: the message of `mtl-train`.

    Returns: the proposal; None if the message is about no feature, or about the only
        one.
    """

    def is_refused(column: ColumnProposal) -> bool:
        name = column.column.name
        is_named = problem.startswith((f"feature {name}:", f"{FEATURES}{name}:"))
        return column.is_feature and is_named

    columns = [
        leave_out(column.column, f"mtl-train refuses it: {problem}", column.keys)
        if is_refused(column)
        else column
        for column in proposal.columns
    ]
    remaining = replace(proposal, columns=columns)
    num_features = len(remaining.features)
    return remaining if 0 < num_features < len(proposal.features) else None
