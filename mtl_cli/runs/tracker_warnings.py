"""The warnings of a run whose tracker refuses values or does not answer."""

from pathlib import Path

from mtl_cli.core.paths import short_path
from mtl_cli.runs.tracker_events import Outcome


def error_warning(tracker_name: str, reason: str, outcome: Outcome) -> str:
    """Returns a warning about the first error: the error and its effect.

    Args:
        tracker_name: the option of the group `tracker`, such as `mlflow`.
        reason: the text of the error.
        outcome: the outcome of the call that raised the error.
    """
    if outcome is Outcome.AWAY:
        effect = "and the missing values are sent when the tracker answers"
    else:
        effect = "but some values are missing in the tracker"
    return f"tracker: {tracker_name}: {reason}; training goes on, {effect}"


def missing_warning(
    tracker_name: str, num_missing: int, lacks_end: bool, reason: str
) -> str:
    """Returns a warning about what the tracker lacks at the end of a run.

    Args:
        tracker_name: the option of the group `tracker`, such as `mlflow`.
        num_missing: the number of values that the tracker lacks.
        lacks_end: whether the tracker does not know that the run has ended.
        reason: why the tracker lacks them.
    """
    missing = [f"{num_missing:,} values"] if num_missing else []
    missing += ["the end of the run"] if lacks_end else []
    return f"tracker: {tracker_name} lacks {' and '.join(missing)}: {reason}"


def where_values_are(
    folder: Path, num_missing: int, num_refused: int, has_failed: bool
) -> str:
    """Returns the end of a `missing_warning`: the files that hold the missing values.

    Args:
        folder: the run folder.
        num_missing: the number of values that the tracker lacks.
        num_refused: the number of these values that the service has refused.
        has_failed: whether the run failed; it may then be resumed.
    """
    if not has_failed:
        return (
            f"; {short_path(folder)} holds all values in history.csv and metrics.json"
        )
    if not num_missing:
        return ""
    text = f"; {short_path(folder)} holds all values in history.csv"
    # A resumed run sends the epochs after the last epoch that was sent. So an earlier
    # epoch that was refused is not sent again.
    if not num_refused:
        text += ", and the resumed run sends the missing values"
    return text
