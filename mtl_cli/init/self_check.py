"""Checks a proposed data set as `mtl-train check_only=true` does."""

from collections.abc import Callable
from dataclasses import replace

import yaml
from pydantic import ValidationError

from mtl_cli.config.monitor import AUTO
from mtl_cli.core.errors import DataError, first_line
from mtl_cli.core.options import first_problem
from mtl_cli.data.dataset import Dataset
from mtl_cli.data.load import load
from mtl_cli.heads.base import Heads
from mtl_cli.init.column_proposal import leave_out
from mtl_cli.init.dataset_proposal import DatasetProposal
from mtl_cli.scoring.check_monitor import check_monitor, unmonitored_warnings


def parse_dataset(text: str) -> Dataset:
    """Parses the YAML of a data set, and checks the content against the schema."""
    try:
        return Dataset.model_validate(yaml.load(text, yaml.CSafeLoader))
    except ValidationError as error:
        problem = first_problem(error)
    except yaml.YAMLError as error:
        problem = f"a name is too long for YAML ({first_line(error)})"
    raise DataError(f"mtl-init cannot describe this table in a YAML: {problem}")


def load_as_training_does(dataset: Dataset) -> list[str]:
    """Loads a data set as `mtl-train` does.

    Returns: warnings about tasks that the default of `trainer.monitor` leaves out.
    """
    outputs = Heads().outputs(dataset.tasks)
    data = load(dataset, outputs)
    return unmonitored_warnings(check_monitor(AUTO, outputs, data.splits["valid"]))


def check_proposal(
    proposal: DatasetProposal,
    to_yaml: Callable[[DatasetProposal], str],
    all_rows_read: bool,
) -> tuple[DatasetProposal, list[str]]:
    """Checks a proposal, and leaves out features that `mtl-train` would refuse.

    Args:
        to_yaml: a function that returns the YAML of a proposal.
        all_rows_read: whether the proposal was made from all rows. If not, only the
            form of the YAML is checked, because loading all rows may take long.

    Returns: the proposal, and notes for the user.
    """
    while True:
        dataset = parse_dataset(to_yaml(proposal))
        if not all_rows_read:
            return proposal, [
                "mtl-init has read only the first rows; mtl-train check_only=true "
                "checks all rows"
            ]
        try:
            warnings = load_as_training_does(dataset)
            return proposal, [f"WARNING: {warning}" for warning in warnings]
        except DataError as error:
            problem = str(error)
        remaining = without_refused_feature(proposal, problem)
        if remaining is None:
            warning = f"WARNING: mtl-train refuses the data set as it is: {problem}"
            return proposal, [warning]
        proposal = remaining


def without_refused_feature(
    proposal: DatasetProposal, problem: str
) -> DatasetProposal | None:
    """Returns a proposal without the feature that `mtl-train` refuses.

    Returns None if `problem`, the message of `mtl-train`, is not about a feature, or if
    no feature would be left.
    """
    for i, refused in enumerate(proposal.columns):
        name = refused.column.name
        # The message begins with the feature.
        starts = (f"feature {name}:", f"dataset.features.{name}:")
        if refused.is_feature and problem.startswith(starts):
            remark = f"mtl-train refuses the feature: {problem}"
            columns = list(proposal.columns)
            columns[i] = leave_out(refused.column, remark, refused.keys)
            remaining = replace(proposal, columns=columns)
            return remaining if remaining.features else None
    return None
