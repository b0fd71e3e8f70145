"""Finds what is wrong with the packages that mtl-cli needs, for `mtl-doctor`.

The import of this module needs no other package.
"""

from importlib.metadata import PackageNotFoundError, distribution, metadata, requires
from typing import TYPE_CHECKING

from mtl_cli.runs.outcome import failure_message

if TYPE_CHECKING:
    from packaging.requirements import Requirement

DEVELOPMENT_EXTRAS = {"dev", "docs"}


def import_problems() -> list[str]:
    """Returns why commands cannot be imported; [] if all can be imported."""
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
    """Returns the packages that every run needs, or those that an extra adds."""
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
    return [problem for package in packages if (problem := problem_with(package))]


def problem_with(requirement: "Requirement") -> str:
    """Returns why a requirement is not met; "" if it is met."""
    try:
        installed = distribution(requirement.name).version
    except PackageNotFoundError:
        return f"{requirement.name} is not installed"
    if not requirement.specifier.contains(installed, prereleases=True):
        return (
            f"{requirement.name} {installed} is installed, but mtl-cli needs "
            f"{requirement.name}{requirement.specifier}"
        )
    return ""
