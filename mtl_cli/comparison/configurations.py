"""Groups runs that differ only in their seed into configurations."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from mtl_cli.comparison.runs import Run

EARLIER_RUN_KEY = "start_from.run"  # the setting that names the run to start from
# The setting of a single-scenario twin: the scenario on whose rows it is trained.
ONLY_SCENARIO = "dataset.only_scenario"


@dataclass(eq=False)
class Configuration:
    """Runs with equal settings, as a rule one run per replicate.

    A replicate is a seed, or a day of a line (a chain of daily runs, see `lines`).
    `all_runs` are in the order in which they started.
    """

    settings: dict[str, str]
    all_runs: list[Run]
    name: str = ""

    @cached_property
    def runs(self) -> dict[int, Run]:
        """The latest run with scores of each replicate, {replicate: run}."""
        return {run.replicate: run for run in self.all_runs if run.has_scores}

    @cached_property
    def unscored_runs(self) -> list[Run]:
        """The runs of the replicates that have no run with scores."""
        return [run for run in self.all_runs if run.replicate not in self.runs]

    @property
    def model(self) -> str:
        return self.settings.get("model.name", "")

    @property
    def folders(self) -> list[Path]:
        """The run folders, in the order of their replicates."""
        return [run.path for _, run in sorted(self.runs.items())]

    @property
    def is_ensemble(self) -> bool:
        """Whether each run is an ensemble that averages runs of several seeds."""
        return "ensemble" in self.settings

    @property
    def is_in_line(self) -> bool:
        """Whether one of the runs belongs to a line, see `lines`."""
        return any(run.is_in_line for run in self.runs.values())

    @property
    def replicate_count(self) -> str:
        """The number of replicates with scores: "3", or "3/4" if one of 4 has none."""
        total = len({run.replicate for run in self.all_runs})
        return f"{len(self.runs)}/{total}" if self.unscored_runs else f"{total}"

    def has_scores_on(self, split: str) -> bool:
        return any(split in run.metrics for run in self.runs.values())

    def is_scored_on(self, scenario: str) -> bool:
        """Whether the runs have rows of a scenario; "" stands for all scenarios."""
        only_scenario = self.settings.get(ONLY_SCENARIO, "null")
        return not scenario or only_scenario in ("null", scenario)

    def scores_by_replicate(
        self, split: str, task: str, metric: str, scenario: str = ""
    ) -> dict[int, float]:
        """Returns {replicate: metric} for the replicates that have the metric."""
        values = {
            replicate: run.score(split, task, scenario).get(metric)
            for replicate, run in sorted(self.runs.items())
        }
        return {k: float(v) for k, v in values.items() if isinstance(v, int | float)}


def group_runs(runs: list[Run]) -> list[Configuration]:
    """Groups the readable runs with equal settings, in the order of first runs."""
    groups: dict[frozenset[tuple[str, str]], list[Run]] = {}
    for run in runs:
        if run.is_readable:
            groups.setdefault(frozenset(run.settings.items()), []).append(run)
    configurations = [
        Configuration(group[0].settings, group) for group in groups.values()
    ]
    set_names(configurations, differing_keys(configurations))
    return configurations


def differing_keys(configurations: list[Configuration]) -> list[str]:
    """Returns the dotted keys whose values differ between configurations.

    A key such as `model.num_experts` counts only if it differs between configurations
    of the same `model.name`: different models have different keys anyway. The same rule
    holds for every config group with a name, such as `encoder` and `optimizer`, and for
    the `kind` of each feature and task.

    `model.name` comes first, then keys with at most one dot such as
    `model.num_experts`, then keys with more dots.
    """

    def differs(key: str) -> bool:
        parts = key.split(".")
        # The keys that choose the option to which this key belongs, such as
        # `model.name` or `dataset.features.item.kind`.
        choosing_keys = {f"{parts[0]}.name", f"{'.'.join(parts[:3])}.kind"} - {key}
        values_by_options: dict[tuple[str, ...], set[str]] = {}
        for configuration in configurations:
            settings = configuration.settings
            options = tuple(settings.get(k, "") for k in choosing_keys)
            values = values_by_options.setdefault(options, set())
            values.add(settings.get(key, ""))
        return any(len(values) > 1 for values in values_by_options.values())

    def rank(key: str) -> tuple[bool, bool]:  # False comes before True
        return key != "model.name", key.count(".") > 1

    keys = dict.fromkeys(key for c in configurations for key in c.settings)
    return sorted(filter(differs, keys), key=rank)


def set_names(configurations: list[Configuration], keys: list[str]) -> None:
    """Names each configuration by its values of the keys: `mmoe num_experts=8`."""
    for configuration in configurations:
        words = [
            value if key == "model.name" else f"{short_key(key, keys)}={value}"
            for key in keys
            if (value := configuration.settings.get(key)) is not None
        ]
        name = " ".join(words) or configuration.model
        configuration.name = name or "the configuration"


def short_key(key: str, keys: list[str]) -> str:
    """Shortens a dotted key, unless another of the `keys` has the same short form."""
    short = short_form(key)
    return short if [short_form(k) for k in keys].count(short) < 2 else key


def short_form(key: str) -> str:
    """Returns the short form of a dotted key: usually the part after the last dot.

    The key of a task or feature keeps the name of the task or feature, because all
    tasks and features may have the same keys. The key that chooses an option, such as
    `model.name`, becomes the name of the config group: `model`.

    >>> [short_form(k) for k in ("model.name", "start_from.run", "model.num_experts")]
    ['model', 'start_from', 'num_experts']
    >>> short_form("dataset.tasks.watch.loss")
    'watch.loss'
    """
    parts = key.split(".")
    if key == EARLIER_RUN_KEY or (len(parts) == 2 and parts[1] == "name"):
        return parts[0]
    if parts[0] == "dataset" and len(parts) > 3:
        return ".".join(parts[2:])
    return parts[-1]
