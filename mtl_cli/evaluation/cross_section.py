"""The section of an evaluation that shows which pairs of columns deserve a cross."""

import re
import shlex

from mtl_cli.config.overrides import override_text
from mtl_cli.core.message_text import counted
from mtl_cli.evaluation.crosses import CrossRecord
from mtl_cli.evaluation.slice_sections import Section
from mtl_cli.runs.text_tables import format_count
from mtl_cli.scoring.cross_scores import MIN_COUNT
from mtl_cli.statistics.significance import SIGNIFICANCE_LEVEL

MAX_CROSS_ROWS = 12  # the largest number of rows in the table of crosses
MIN_Z = 4  # of a pair of columns that deserves a cross


def cross_section(records: list[CrossRecord] | None) -> Section:
    """Returns the pairs that deserve a cross, and a setting that adds the first.

    The section of None, if no pairs were tested, is empty.
    """
    if records is None:
        return Section("Crosses", [], [])
    if not records:
        line = (
            "no pair to test: a pair has two columns of ids, words or few whole numbers"
            ", and neither tells the other"
        )
        return Section("Crosses", [], [line])
    found = [record for record in records if deserves_cross(record)]
    num_pairs = len({tuple(record["columns"]) for record in records})
    lines = [
        f"{counted(num_pairs, 'pair')} of columns tested; the highest z is "
        f"{records[0]['z']:.1f}, of {cross_name(records[0])}",
        "z: how surely effects of the combinations of both columns' values explain "
        "what the model gets wrong on the validation rows; a pair is found if z is "
        f"{MIN_Z} or more, and sure among all pairs and tasks (Holm)",
    ]
    if not found:
        return Section("Crosses", [], lines)
    cells = [["columns", "task", "z", "loss", "combinations"]]
    for record in found[:MAX_CROSS_ROWS]:
        z, change = f"{record['z']:.1f}", f"{100 * record['loss_change']:+.2f} %"
        number = format_count(record["combinations"])
        cells.append([cross_name(record), record["task"], z, change, number])
    lines += [
        "loss: its change on the validation rows if these effects are added to the "
        "predictions; a trained cross may gain more, or do harm: compare runs with and "
        "without it over several seeds",
        f"to add the first pair: {setting_of_cross(found[0])}",
    ]
    if len(found) > MAX_CROSS_ROWS:
        lines.append(f"the JSON file has all {len(records)} pairs and tasks")
    return Section("Crosses", [cells], lines)


def deserves_cross(record: CrossRecord) -> bool:
    return record["z"] >= MIN_Z and record["p_corrected"] < SIGNIFICANCE_LEVEL


def cross_name(record: CrossRecord) -> str:
    return " & ".join(record["columns"])


def setting_of_cross(record: CrossRecord) -> str:
    """Returns the setting of `mtl-train` that adds a cross of the columns."""
    # Hydra reads keys of ASCII letters, digits and `_` that do not begin with a digit.
    columns = "_x_".join(record["columns"]).encode("ascii", "backslashreplace")
    name = re.sub(r"\W", "_", columns.decode())
    if name[0].isdigit():
        name = f"cross_{name}"
    value = {"kind": "cross", "columns": record["columns"], "min_count": MIN_COUNT}
    key = f"dataset.features.{name}"
    return shlex.quote(f"+{key}={override_text(key, value)}")
