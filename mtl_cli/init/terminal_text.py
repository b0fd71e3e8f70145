"""The text that `mtl-init` prints: the columns, the notes and the next commands."""

from pathlib import Path

from mtl_cli.core.errors import printable
from mtl_cli.core.paths import conf_folder, user_conf_folder
from mtl_cli.init.dataset_proposal import DatasetProposal

MAX_COLUMN_WIDTH = 32  # characters
MAX_COLUMNS = 50  # of the data set that are listed


def terminal_text(
    name: str, target: Path, proposal: DatasetProposal, notes: list[str]
) -> str:
    """Returns the text about a data set and its YAML, `target`, for the terminal."""
    lines = column_table(target, proposal)
    leaks = [c.column.name for c in proposal.features if c.may_leak]
    if leaks:
        notes = [
            *notes,
            f"{', '.join(leaks)}: see the WARNING above; a feature that is known "
            "only after the prediction makes all scores too good",
        ]
    if notes:
        lines += ["", *(f"note: {printable(text)}" for text in notes)]
    done = f"wrote {target}: check it, then"
    hides_bundled = (conf_folder() / "dataset" / f"{name}.yaml").exists()
    if hides_bundled and user_conf_folder():
        done = f"wrote {target}, which from here hides the bundled {name}; then"
    train = f"  mtl-train dataset={name}"
    lines += ["", done, f"{train} check_only=true", f"{train} model=mmoe"]
    return "\n".join(lines) + "\n"


def column_table(target: Path, proposal: DatasetProposal) -> list[str]:
    """Returns the lines of a table of the use of each column.

    If there are more than `MAX_COLUMNS` columns, the columns that are not features or
    have a warning come first, and the last columns are left out. They are in the YAML
    `target`.
    """
    rows = [("column", "taken for", "because")]
    for task_name, task in proposal.tasks.items():
        rows.append((task.label, f"task {task_name}: {task.keys['kind']}", task.reason))
    columns = proposal.columns
    num_hidden = len(columns) - MAX_COLUMNS
    if num_hidden > 0:
        columns = sorted(columns, key=lambda c: c.is_feature and not c.warning)
    for column in columns[:MAX_COLUMNS]:
        use: str = column.role
        reason = column.explanation
        if column.is_feature and column.keys:
            use = column.keys["kind"]
            reason = reason if column.warning else column.summary
        rows.append((column.column.name, use, reason))
    cells = [[printable(cell) for cell in row] for row in rows]
    widths = [min(MAX_COLUMN_WIDTH, max(len(row[i]) for row in cells)) for i in (0, 1)]
    lines = [
        f"{name.ljust(widths[0])}  {use.ljust(widths[1])}  {reason}".rstrip()
        for name, use, reason in cells
    ]
    if num_hidden > 0:
        lines.append(f"... and {num_hidden:,} more columns, which are in {target} too")
    return lines
