"""Configurations: runs that differ in nothing but their seed."""

from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

from mtl_cli.comparison.runs import Run


@dataclass(eq=False)
class Configuration:
    """Runs with equal settings but different seeds: one row of the comparison.

    Attributes:
        settings: the settings of all runs: dotted key to text.
        all_runs: the runs, in the order in which they started.
        name: the model, and the settings that differ between configurations.
    """

    settings: dict[str, str]
    all_runs: list[Run]
    name: str = ""

    @cached_property
    def runs(self) -> dict[int, Run]:
        """The run with scores for each seed; of two runs of one seed, the later."""
        return {run.seed: run for run in self.all_runs if run.scored}

    @cached_property
    def unscored_runs(self) -> list[Run]:
        """The runs that failed or have not ended, of seeds without scores."""
        return [
            run for run in self.all_runs if not run.scored and run.seed not in self.runs
        ]

    @property
    def model(self) -> str:
        """The name of the model."""
        return self.settings.get("model.name", "")

    @property
    def folders(self) -> list[Path]:
        """The run folders, in the order of their seeds."""
        return [self.runs[seed].path for seed in sorted(self.runs)]

    @property
    def is_ensemble(self) -> bool:
        """Whether each run is the mean of runs of several seeds."""
        return "ensemble" in self.settings

    @property
    def seed_count(self) -> str:
        """The number of seeds with scores: "3", or "3/4" if a seed has none."""
        total = len({run.seed for run in self.all_runs})
        return f"{len(self.runs)}/{total}" if self.unscored_runs else f"{total}"

    def values(
        self, split: str, task: str, metric: str, scenario: str = ""
    ) -> dict[int, float]:
        """Returns a metric by seed, for the seeds where it is defined; see `Run`."""
        requested = split, task, metric, scenario
        values = {s: r.value(*requested) for s, r in sorted(self.runs.items())}
        return {seed: value for seed, value in values.items() if value is not None}


def group_runs(runs: list[Run]) -> list[Configuration]:
    """Groups runs by their settings, in order; leaves out damaged runs."""
    groups: dict[frozenset[tuple[str, str]], list[Run]] = {}
    for run in runs:
        if run.status != "damaged":
            groups.setdefault(frozenset(run.settings.items()), []).append(run)
    configurations = [Configuration(g[0].settings, g) for g in groups.values()]
    set_names(configurations, differing_keys(configurations))
    return configurations


def differing_keys(configurations: list[Configuration]) -> list[str]:
    """Returns the settings that differ between configurations.

    A key such as `model.num_experts` counts only if it differs between configurations
    of the same `model.name`, since different models have different keys anyway. The
    same holds for `encoder`, `optimizer` and the like.

    Returns: `model.name`, then keys such as `model.num_experts`, then deeper keys.
    """

    def differs(key: str) -> bool:
        choice_key = f"{key.partition('.')[0]}.name"
        values_by_choice: dict[str, set[str]] = {}
        for settings in (c.settings for c in configurations):
            choice = "" if key == choice_key else settings.get(choice_key, "")
            values = values_by_choice.setdefault(choice, set())
            values.add(settings.get(key, ""))
        return any(len(values) > 1 for values in values_by_choice.values())

    keys = dict.fromkeys(key for c in configurations for key in c.settings)
    return sorted(
        filter(differs, keys), key=lambda key: (key != "model.name", key.count(".") > 1)
    )


def set_names(configurations: list[Configuration], keys: list[str]) -> None:
    """Names each configuration by its model, and by `key=value` of the other keys."""
    for configuration in configurations:
        labels = [
            value if key == "model.name" else f"{short_key(key, keys)}={value}"
            for key in keys
            if (value := configuration.settings.get(key)) is not None
        ]
        name = " ".join(labels) or configuration.model or "the configuration"
        configuration.name = name


def short_key(key: str, keys: list[str]) -> str:
    """Returns a key as shown: its last word, if that is unique among the keys."""
    if key.endswith(".name") and key.count(".") == 1:
        return key.removesuffix(".name")
    last_word = key.rpartition(".")[2]
    is_unique = [k.rpartition(".")[2] for k in keys].count(last_word) < 2
    return last_word if is_unique else key


def single_task_twins(
    configurations: list[Configuration],
) -> dict[Configuration, Configuration]:
    """Returns for each configuration the same one with `model=single_task`, if it ran.

    The twin has equal settings outside the model, and a seed in common. If several
    single-task models of different sizes qualify, the twin is the model with the most
    equal settings.
    """

    @cache
    def outside_model(configuration: Configuration) -> frozenset[tuple[str, str]]:
        items = configuration.settings.items()
        return frozenset((k, v) for k, v in items if not k.startswith("model."))

    single_task = [c for c in configurations if c.model == "single_task"]
    twins = {}
    for configuration in configurations:
        candidates = [
            candidate
            for candidate in single_task
            if outside_model(candidate) == outside_model(configuration)
            and candidate.runs.keys() & configuration.runs.keys()
        ]
        if candidates and configuration.model != "single_task":
            settings = configuration.settings.items()
            twins[configuration] = max(
                candidates, key=lambda c: len(settings & c.settings.items())
            )
    return twins
