"""Configurations: runs that differ in nothing but their seed."""

from dataclasses import dataclass, field

from mtl_cli.comparison.runs import Run


@dataclass(eq=False)
class Configuration:
    """Runs of equal settings but different seeds: a row of the comparison.

    Attributes:
        settings: all settings but the seed: dotted key to text.
        runs: the run with scores for each seed.
        unscored_runs: the runs that failed, or have not ended.
        name: the model, and the settings that differ between configurations.
    """

    settings: dict[str, str]
    runs: dict[int, Run] = field(default_factory=dict)
    unscored_runs: list[Run] = field(default_factory=list)
    name: str = ""

    @property
    def model(self) -> str:
        """The name of the model."""
        return self.settings.get("model.name", "")

    @property
    def done(self) -> str:
        """How many seeds are done, such as "3", or "3/4" if a seed is not."""
        total = len(self.runs) + len(self.unscored_runs)
        return f"{len(self.runs)}/{total}" if self.unscored_runs else f"{total}"

    def values(self, split: str, task: str, metric: str) -> dict[int, float]:
        """Returns a metric by seed, for the seeds where it is defined."""
        values = {s: r.value(split, task, metric) for s, r in sorted(self.runs.items())}
        return {seed: value for seed, value in values.items() if value is not None}


def group_runs(runs: list[Run]) -> list[Configuration]:
    """Groups runs by their settings, in order; leaves out damaged runs."""
    groups: dict[frozenset[tuple[str, str]], Configuration] = {}
    for run in runs:
        if run.status == "damaged":
            continue
        configuration = groups.setdefault(run.key, Configuration(run.settings))
        if run.scored:
            configuration.runs[run.seed] = run  # the later run of the same seed wins
        else:
            configuration.unscored_runs.append(run)
    configurations = list(groups.values())
    for configuration in configurations:
        configuration.unscored_runs = [
            run
            for run in configuration.unscored_runs
            if run.seed not in configuration.runs
        ]
    set_names(configurations, differing_keys(configurations))
    return configurations


def differing_keys(configurations: list[Configuration]) -> list[str]:
    """Returns the settings that differ between configurations, the model's name first.

    A key inside a group, such as `model.num_experts`, counts only if it differs between
    configurations with the same choice of the group (`model.name`): different models
    have different keys anyway.
    """
    values: dict[str, dict[str, set[str]]] = {}
    keys = dict.fromkeys(key for c in configurations for key in c.settings)
    for configuration in configurations:
        for key in keys:
            choice_key = f"{key.partition('.')[0]}.name"
            choice = configuration.settings.get(choice_key, "")
            by_choice = values.setdefault(key, {})
            of_choice = by_choice.setdefault("" if key == choice_key else choice, set())
            of_choice.add(configuration.settings.get(key, ""))
    differ = [key for key in keys if any(len(v) > 1 for v in values[key].values())]
    return sorted(differ, key=lambda key: (key != "model.name", key.count(".") > 1))


def set_names(configurations: list[Configuration], keys: list[str]) -> None:
    """Names configurations by the model, and `key=value` of the other given keys."""
    for configuration in configurations:
        parts = [
            value if key == "model.name" else f"{short_key(key, keys)}={value}"
            for key in keys
            if (value := configuration.settings.get(key)) is not None
        ]
        name = " ".join(parts) or configuration.model or "the configuration"
        configuration.name = name


def short_key(key: str, keys: list[str]) -> str:
    """Returns a key as shown: its last part, if that is unique among the keys."""
    if key.endswith(".name") and key.count(".") == 1:
        return key.removesuffix(".name")
    leaf = key.rpartition(".")[2]
    return key if [k.rpartition(".")[2] for k in keys].count(leaf) > 1 else leaf


def single_task_twins(
    configurations: list[Configuration],
) -> dict[Configuration, Configuration]:
    """Returns for each configuration the same one with `model=single_task`, if it ran.

    The twin has equal settings outside the model, and a seed in common. If several
    single-task models of different sizes qualify, the twin is the model with the most
    equal settings.
    """

    def outside_model(configuration: Configuration) -> frozenset[tuple[str, str]]:
        items = configuration.settings.items()
        return frozenset((k, v) for k, v in items if not k.startswith("model."))

    single_task: dict[frozenset[tuple[str, str]], list[Configuration]] = {}
    for configuration in configurations:
        if configuration.model == "single_task":
            key = outside_model(configuration)
            single_task.setdefault(key, []).append(configuration)
    twins = {}
    for configuration in configurations:
        candidates = [
            other
            for other in single_task.get(outside_model(configuration), [])
            if other.runs.keys() & configuration.runs.keys()
        ]
        if candidates and configuration.model != "single_task":
            settings = configuration.settings.items()
            twins[configuration] = max(
                candidates, key=lambda c: len(settings & c.settings.items())
            )
    return twins
