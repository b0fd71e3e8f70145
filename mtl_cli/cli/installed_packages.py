"""Finds what is wrong with the packages that mtl-cli needs, for `mtl-doctor`.

The import of this module needs no other package.
"""

import os
from importlib.metadata import (
    PackageNotFoundError,
    distribution,
    metadata,
    requires,
    version,
)
from typing import TYPE_CHECKING

from mtl_cli.runs.outcome import failure_message

if TYPE_CHECKING:
    from packaging.requirements import Requirement

# Extras that only developers of mtl-cli need.
DEVELOPMENT_EXTRAS = {"dev", "docs"}


def has_metadata() -> bool:
    """Whether the folder `mtl_cli-VERSION.dist-info` can be read.

    The folder lies beside the installed package, and holds the version, the
    requirements and the commands.
    """
    try:
        commands = distribution("mtl-cli").entry_points
        return all([version("mtl-cli"), requires("mtl-cli"), commands])
    except Exception:  # whatever a damaged file raises
        return False


def import_problems() -> list[str]:
    """Returns why commands cannot be imported; [] if all can be imported.

    For example, a package is missing that another package requires.
    """
    problems = []
    for command in distribution("mtl-cli").entry_points:
        try:
            command.load()
        except Exception as error:  # whatever a broken installation raises
            problems.append(failure_message(error))
    return list(dict.fromkeys(problems))


def extras() -> list[str]:
    """Returns the extras of mtl-cli that users may need, such as `mlflow`."""
    all_extras = metadata("mtl-cli").get_all("Provides-Extra") or []
    return sorted(set(all_extras) - DEVELOPMENT_EXTRAS)


def requirements(extra: str = "") -> "list[Requirement]":
    """Returns the packages that every run needs or, for an extra, those that it adds.

    The requirements come from the metadata of the installed mtl-cli.
    """
    from packaging.requirements import Requirement

    packages = list(map(Requirement, requires("mtl-cli") or []))
    needed_by_all = [package for package in packages if is_needed(package, extra="")]
    if not extra:
        return needed_by_all
    return [p for p in packages if is_needed(p, extra) and p not in needed_by_all]


def is_needed(requirement: "Requirement", extra: str) -> bool:
    """Whether mtl-cli with an extra (or "" for none) needs a package."""
    marker = requirement.marker  # such as `extra == "mlflow"`
    return marker is None or marker.evaluate({"extra": extra})


def problems_with(packages: "list[Requirement]") -> list[str]:
    """Returns why requirements are not met; [] if all are met."""
    return [problem for package in packages if (problem := problem_with(package))]


def problem_with(requirement: "Requirement") -> str:
    """Returns why a requirement is not met; "" if it is met."""
    try:
        package = distribution(requirement.name)
    except PackageNotFoundError:
        return f"{requirement.name} is not installed"
    for file in package.files or []:
        is_main = len(file.parts) == 2 and file.name == "__init__.py"
        if is_main and not os.path.exists(str(file.locate())):
            return f"{requirement.name} is damaged: there is no file {file}"
    installed = package.version
    if not requirement.specifier.contains(installed, prereleases=True):
        return (
            f"{requirement.name} {installed} is installed, but mtl-cli needs "
            f"{requirement.name}{requirement.specifier}"
        )
    return ""
