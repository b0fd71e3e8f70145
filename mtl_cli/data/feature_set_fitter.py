"""Learns what features need from the training rows.

In a run that starts from an earlier run, `start_from.run`, features go on with the
values that they learnt there. In this module, "earlier" refers to that run.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import pyarrow as pa

from mtl_cli.columns.fitters import Learnt
from mtl_cli.columns.vocabulary import common_spelling
from mtl_cli.core.errors import DAMAGED_FILE_ERRORS, DataError
from mtl_cli.core.message_text import line_if_any, shown
from mtl_cli.data.feature_set import FeatureSet
from mtl_cli.data.table import Array
from mtl_cli.features.base import Feature

# {feature: the values that the feature learnt earlier}, for the features that go on.
EarlierLearnt = dict[str, dict[str, Any]]
# To learn a scale or buckets, all numbers of a column must be in memory. If there are
# more than `ROWS_TO_FIT` training rows, a random sample of about this size is used.
ROWS_TO_FIT = 2_000_000
# The largest result of `embedding_dim: auto`, for the largest table, of 2^31 ids.
MAX_AUTO_DIM = int(6 * (2**31) ** 0.25)


class FeatureSetFitter:
    """Fits features to the training rows, chunk by chunk."""

    def __init__(self, features: dict[str, Feature], training_rows: int) -> None:
        self.features = features
        self.fitters = {name: f.fitter(name) for name, f in features.items()}
        self.sampled_fraction = min(1.0, ROWS_TO_FIT / max(training_rows, 1))
        self.random = np.random.default_rng(0)

    def add(self, table: pa.Table, is_training: Array) -> None:
        """Checks all rows of a chunk, and learns from its training rows."""
        is_sampled = is_training
        if self.sampled_fraction < 1:
            draws = self.random.random(table.num_rows)
            is_sampled = is_training & (draws < self.sampled_fraction)
        for fitter in self.fitters.values():
            fitter.add(table, is_training, is_sampled)

    def finish(self, earlier: EarlierLearnt | None = None) -> FeatureSet:
        """Returns the fitted features, see `extend_learnt`. May be called only once."""
        for name, feature in self.features.items():
            owner = feature.table_owner(name)
            if owner != name:
                # The owner's vocabulary holds the values of both features.
                self.fitters[owner].merge(self.fitters[name])
        learnt = {name: fitter.learnt() for name, fitter in self.fitters.items()}
        for name, earlier_values in (earlier or {}).items():
            feature = self.features[name]
            learnt[name] = extend_learnt(name, feature, earlier_values, learnt[name])
        return FeatureSet(self.features, learnt)


def extend_learnt(
    name: str, feature: Feature, earlier: Mapping[str, Any], learnt: Mapping[str, Any]
) -> dict[str, Any]:
    """Returns what a feature learnt in an earlier run, with new values of this run.

    The vocabulary of the earlier run keeps its order, so that each value keeps its id.
    The new values of this run are added at its end. The counts of the values in both
    runs are summed. All other learnt values, such as scales and cuts, come from the
    earlier run.
    """
    with refused_if_damaged(f"feature {name} has"):
        # `earlier` may hold the dimension that `embedding_dim: auto` gave in that run;
        # `learnt` never does.
        dim = earlier.get("embedding_dim", 1)
        if type(dim) is not int or not 1 <= dim <= MAX_AUTO_DIM:
            raise ValueError(f"embedding_dim is {shown(dim)}")
        check_same_keys(earlier.keys() - {"embedding_dim"}, learnt)
        feature.check_learnt(Learnt(earlier))
    if "vocabulary" not in earlier:
        return dict(earlier)
    earlier_values = set(earlier["vocabulary"])
    new_values = [v for v in learnt["vocabulary"] if v not in earlier_values]
    extended = {**earlier, "vocabulary": [*earlier["vocabulary"], *new_values]}
    if "counts" in learnt:
        counts = Counter[str]()
        for values in (earlier, learnt):
            counts.update(
                dict(zip(values["vocabulary"], values["counts"], strict=True))
            )
        extended["counts"] = [counts[value] for value in extended["vocabulary"]]
    return extended


def other_spelling_findings(earlier: EarlierLearnt, features: FeatureSet) -> list[str]:
    """Returns a line about features whose new values were written in another way.

    For example, ids were written as `4`, and now as `4.0`. So the earlier run knows the
    values in another spelling, and the vectors learnt there are not used.
    """
    remarks = []
    for name, values in earlier.items():
        vocabulary = values.get("vocabulary", [])
        spellings = Learnt(values).spellings if vocabulary else {}
        new_values = features.learnt[name].get("vocabulary", [])[len(vocabulary) :]
        respelt_values = [v for v in new_values if common_spelling(v) in spellings]
        if len(respelt_values) > len(new_values) / 2:
            value = respelt_values[0]
            earlier_value = spellings[common_spelling(value)]
            example = f"{shown(value)} for {shown(earlier_value)}"
            remark = f"{name} ({len(respelt_values):,} values, such as {example})"
            remarks.append(remark)
    return line_if_any(
        "in these features, the earlier run knows most new values in another spelling; "
        "write them as there, or their vectors start fresh",
        remarks,
    )


@contextmanager
def refused_if_damaged(subject: str) -> Iterator[None]:
    """Turns errors about values of an earlier run, in a `with` block, into a DataError.

    `subject` is the start of a sentence for the message, such as "feature age has".
    """
    try:
        yield
    except DAMAGED_FILE_ERRORS:
        raise DataError(
            f"start_from.run: what {subject} learnt in that run is damaged; copy the "
            "whole folder of the run again"
        ) from None


def check_same_keys(earlier: Collection[str], learnt: Collection[str]) -> None:
    if set(earlier) != set(learnt):
        raise ValueError(f"has {sorted(earlier)}; expected {sorted(learnt)}")


def reasons_not_continued(
    features: Mapping[str, Feature],
    earlier: Mapping[str, Feature],
    refit: Collection[str],
) -> dict[str, str]:
    """Returns {feature: why the feature does not go on with its earlier values}.

    A feature goes on if its kind and all its keys are equal in both runs, and
    `start_from.refit` does not list it.
    """
    reasons = {}
    for name, feature in features.items():
        if name not in earlier:
            reasons[name] = "is new, so it starts fresh"
        elif difference := first_difference(earlier[name], feature):
            reasons[name] = f"starts fresh: {difference}"
        elif name in refit:
            reasons[name] = "starts fresh, as start_from.refit says"
    return reasons | {
        name: "is not in this run, so it is left out"
        for name in earlier
        if name not in features
    }


def first_difference(earlier: Feature, feature: Feature) -> str:
    """Describes the first key in which two features differ; "" if they are equal."""
    old, new = earlier.model_dump(), feature.model_dump()
    for key in sorted(old | new, key=lambda key: key != "kind"):  # `kind` first
        if old.get(key) != new.get(key):
            was, now = shown(old.get(key)), shown(new.get(key))
            return f"its {key} was {was}, is {now}"
    return ""
