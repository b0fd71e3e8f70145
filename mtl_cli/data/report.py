"""The data report as JSON values: what each feature and each task holds."""

from typing_extensions import TypedDict

from mtl_cli.data.buckets import Buckets


class FeatureReport(TypedDict):
    """The part of the data report about one feature.

    Attributes:
        missing: {split: fraction of rows with an empty cell}. If the feature reads
            several columns, a row counts if any of these cells is empty.
        distinct: the number of distinct values in the training rows, without empty
            cells; see `compute_report.num_distinct`.
        unseen: {split: fraction of the values that are unseen, see
            `FeatureSet.unseen_and_all_rows`}. In a list feature, a row has several
            values. {} for kinds without `reports_unseen`.
        drift: {split: population stability index against the training rows}; 0 if the
            split or the training rows have fewer than `compute_report.MIN_ROWS` rows.
        auc: {output: the AUC that the feature alone reaches on the training rows}, for
            binary outputs with enough rows; see `univariate_auc.feature_aucs`.
    """

    kind: str
    missing: dict[str, float]
    distinct: int
    unseen: dict[str, float]
    buckets: Buckets
    drift: dict[str, float]
    auc: dict[str, float]


class Report(TypedDict):
    """The data report, in JSON values.

    Attributes:
        sampled_rows: {split: number of rows from which `buckets`, `drift` and `auc` of
            the features were computed}. `distinct` was computed from these rows too, if
            the feature has no vocabulary.
        tasks: {output: {split: {`rows`: number of rows that count for the output,
            `positives`: number of positive rows among them, `unsampled_negatives`:
            number of rows with label 0 before the sampling}}}; only binary outputs have
            `positives`, and only those with a `sampling_rate` `unsampled_negatives`.
        repeated_rows: {split: fraction of the split's rows that equal a training row};
            the training split is left out.
        findings: the odd properties of the data, one line per kind of property.
    """

    splits: dict[str, int]
    sampled_rows: dict[str, int]
    tasks: dict[str, dict[str, dict[str, int]]]
    features: dict[str, FeatureReport]
    repeated_rows: dict[str, float]
    findings: list[str]
