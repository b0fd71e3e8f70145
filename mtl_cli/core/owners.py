"""The names of owners: the tasks, and others, to which parts of a network belong."""

from collections.abc import Sequence

SHARED = "shared"  # the owner of an expert that belongs to no task
HIDDEN = "hidden"  # the owner of a unit that belongs to no feature


def owner_name(owner: int | str, tasks: Sequence[str]) -> str:
    """Returns the name of an owner: the name itself, or the task with this index."""
    return owner if isinstance(owner, str) else task_owner_name(tasks[owner])


def task_owner_name(task: str) -> str:
    """Returns a task's name as an owner; it differs from the owner `SHARED`."""
    return f"task {task}" if task == SHARED else task
