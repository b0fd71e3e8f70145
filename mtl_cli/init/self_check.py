"""Checks a proposed data set as `mtl-train check_only=true` does."""

from dataclasses import replace

import yaml
from pydantic import ValidationError

from mtl_cli.config.monitor import AUTO
from mtl_cli.core.errors import DataError, first_line
from mtl_cli.core.options import first_problem
from mtl_cli.data.dataset import Dataset
from mtl_cli.data.load import load
from mtl_cli.heads.base import Heads
from mtl_cli.init.column_proposal import join_remarks, leave_out
from mtl_cli.init.dataset_proposal import DatasetProposal
from mtl_cli.init.held_out_hours import held_out_hours_note
from mtl_cli.init.read_tables import Tables
from mtl_cli.init.shared_table import share_table
from mtl_cli.init.yaml_text import dataset_yaml
from mtl_cli.scoring.check_monitor import check_monitor, unmonitored_warnings

NUMERIC_KINDS = ("piecewise_linear", "bucketized")


def parse_dataset(text: str) -> Dataset:
    """Parses the YAML of a data set, and checks the content against the schema."""
    try:
        return Dataset.model_validate(yaml.load(text, yaml.CSafeLoader))
    except ValidationError as error:
        problem = first_problem(error)
    except yaml.YAMLError as error:
        problem = f"a name is too long for YAML ({first_line(error)})"
    raise DataError(f"mtl-init cannot describe this table in a YAML: {problem}")


def checked_yaml(
    name: str, tables: Tables, proposal: DatasetProposal
) -> tuple[str, DatasetProposal, list[str]]:
    """Checks a proposal, and leaves out features that `mtl-train` would refuse.

    If only the first rows were read, only the form of the YAML is checked, because
    loading all rows may take long.

    Returns: the YAML, the proposal that it describes, and notes for the user.
    """
    while True:
        # A later round may leave out a column whose embeddings a list shares.
        columns = [share_table(p, proposal.columns) for p in proposal.columns]
        shared = replace(proposal, columns=columns)
        text = dataset_yaml(name, tables, shared)
        dataset = parse_dataset(text)
        if not tables.complete:
            note = (
                "mtl-init has read only the first rows; mtl-train check_only=true "
                "checks all rows"
            )
            return text, shared, [note]
        try:
            outputs = Heads().outputs(dataset.tasks)
            valid = load(dataset, outputs).splits["valid"]
            warnings = unmonitored_warnings(check_monitor(AUTO, outputs, valid))
            notes = [f"WARNING: {warning}" for warning in warnings]
            for column in [p.column for p in proposal.columns]:
                if column.name == dataset.split_column:
                    notes += held_out_hours_note(column, dataset.test_fraction)
            return text, shared, notes
        except DataError as error:
            problem = str(error)
        remaining = without_refused_feature(proposal, problem)
        if remaining is None:
            warning = f"WARNING: mtl-train refuses the data set as it is: {problem}"
            return text, shared, [warning]
        proposal = remaining


def without_refused_feature(
    proposal: DatasetProposal, problem: str
) -> DatasetProposal | None:
    """Returns a proposal without the feature that `mtl-train` refuses.

    A numeric feature may only need to read empty cells of the test table: it is first
    proposed with the key `missing`.

    Returns None if `problem`, the message of `mtl-train`, is not about a feature, or if
    no feature would be left.
    """
    for i, refused in enumerate(proposal.columns):
        name = refused.column.name
        # The message begins with the feature.
        starts = (f"feature {name}:", f"dataset.features.{name}:")
        if refused.is_feature and problem.startswith(starts):
            keys, columns = refused.keys, list(proposal.columns)
            if keys and keys["kind"] in NUMERIC_KINDS and "missing" not in keys:
                remark = join_remarks(refused.remark, "the test table has empty cells")
                keys = keys | {"missing": "bucket"}
                columns[i] = replace(refused, keys=keys, remark=remark)
            else:
                remark = f"mtl-train refuses the feature: {problem}"
                columns[i] = leave_out(refused.column, remark, keys)
            remaining = replace(proposal, columns=columns)
            return remaining if remaining.features else None
    return None
