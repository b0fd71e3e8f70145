"""The settings and the outcome of a sweep's job, on one line."""

import re
from collections.abc import Set

from mtl_cli.config.overrides import key_of_setting
from mtl_cli.runs.job_records import JobRecord
from mtl_cli.runs.text_tables import format_metric

# A number as a value or in a list, with more than five decimals.
LONG_NUMBER = re.compile(r"(?<=[=\[,: ])-?\d+\.\d{6,}(e[+-]?\d+)?(?=$|[\],}])")


def line_of_ended_job(record: JobRecord, fixed_keys: Set[str]) -> str:
    """Returns a line with the status, the settings, and the scores or the error.

    For `fixed_keys`, see `shown_settings`.
    """
    status = f"{record.status} in {record.seconds:.1f} s"
    if record.status == "skipped":
        status = "skipped, done before"  # by an earlier start of the sweep
    result = " ".join(
        f"{title} {format_metric(score)}"
        for title, score in record.shown_scores.items()
    )
    if record.error and record.error != record.status:
        result = record.error
    settings = shown_settings(record, fixed_keys)
    return f"job {record.number} {status}  {settings}  {result}".rstrip()


def shown_settings(record: JobRecord, fixed_keys: Set[str]) -> str:
    """Returns the settings of a job on one line.

    The keys in `fixed_keys` have the same value in all jobs. Their settings are left
    out, unless the job has no other settings.
    """
    own_settings = [s for s in record.settings if key_of_setting(s) not in fixed_keys]
    return " ".join(map(with_rounded_numbers, own_settings or record.settings))


def with_rounded_numbers(setting: str) -> str:
    """Rounds the long numbers of a setting. Other texts, such as paths, stay.

    >>> with_rounded_numbers("model.dropout=0.09402725344777285")
    'model.dropout=0.09403'
    >>> with_rounded_numbers("dataset.train=/data/20240131.235959/rows.csv")
    'dataset.train=/data/20240131.235959/rows.csv'
    """
    return LONG_NUMBER.sub(lambda match: f"{float(match[0]):.4g}", setting)
