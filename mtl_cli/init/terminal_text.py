"""The text that `mtl-init` prints: the columns, the notes and the next commands."""

from pathlib import Path

from mtl_cli.core.message_text import printable
from mtl_cli.core.paths import conf_folder, user_conf_folder
from mtl_cli.init.column_proposal import ColumnProposal
from mtl_cli.init.dataset_proposal import DatasetProposal

MAX_CELL_WIDTH = 32  # a longer cell of the printed table pushes its row to the right
MAX_LISTED_COLUMNS = 50  # columns of the printed table, besides the labels


def terminal_text(
    name: str, target: Path, proposal: DatasetProposal, notes: list[str]
) -> str:
    """Returns the text that `mtl-init` prints after writing the YAML `target`."""
    lines = column_table(target, proposal)
    leaks = [feature.column.name for feature in proposal.features if feature.may_leak]
    if leaks:
        notes = [
            *notes,
            f"see the WARNING above on {', '.join(leaks)}; a feature that is known "
            "only after the prediction makes all scores too good",
        ]
    if notes:
        lines += ["", *(f"note: {printable(text)}" for text in notes)]
    replaced = ""
    is_bundled = (conf_folder() / "dataset" / f"{name}.yaml").exists()
    if is_bundled and user_conf_folder():
        replaced = (
            ", which commands in this folder now use in place of the bundled data set "
            f"{name}"
        )
    done = f"wrote {target}{replaced}; check this file, then run"
    train = f"  mtl-train dataset={name}"
    lines += ["", done, f"{train} check_only=true", f"{train} model=mmoe"]
    return "\n".join(lines) + "\n"


def column_table(target: Path, proposal: DatasetProposal) -> list[str]:
    """Returns the lines of a table that shows the use of each column.

    The table shows at most `MAX_LISTED_COLUMNS` columns that are not labels. If the
    data set has more, columns with a warning and columns that are not features come
    first. A last line says how many columns are only in the YAML `target`.
    """
    rows = [("column", "taken for", "because")]
    for task_name, task in proposal.tasks.items():
        rows.append((task.label, f"task {task_name}: {task.keys['kind']}", task.reason))
    columns = proposal.columns
    num_hidden = len(columns) - MAX_LISTED_COLUMNS
    if num_hidden > 0:
        # False sorts before True.
        columns = sorted(columns, key=lambda p: p.is_feature and not p.warning)
    for column_proposal in columns[:MAX_LISTED_COLUMNS]:
        rows.append((column_proposal.column.name, *use_and_reason(column_proposal)))
    lines = aligned(rows)
    if num_hidden > 0:
        lines.append(f"... and {num_hidden:,} more columns; {target} has all columns")
    return lines


def use_and_reason(proposal: ColumnProposal) -> tuple[str, str]:
    """Returns the use of a column, and the reason for this use."""
    if not (proposal.is_feature and proposal.keys):
        return proposal.role, proposal.explanation
    reason = proposal.explanation if proposal.warning else proposal.summary
    return proposal.keys["kind"], reason


def aligned(rows: list[tuple[str, str, str]]) -> list[str]:
    """Returns one line per row, with the first two cells padded to equal widths."""
    cells = [[printable(cell) for cell in row] for row in rows]
    name_width = min(MAX_CELL_WIDTH, max(len(name) for name, _, _ in cells))
    use_width = min(MAX_CELL_WIDTH, max(len(use) for _, use, _ in cells))
    return [
        f"{name.ljust(name_width)}  {use.ljust(use_width)}  {reason}".rstrip()
        for name, use, reason in cells
    ]
