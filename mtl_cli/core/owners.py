"""The owners of experts. An expert of a task belongs to the index of the task."""

SHARED = "shared"  # the owner of an expert that belongs to no task
HIDDEN = "hidden"  # the owner of a unit that belongs to no feature
