"""Runs that differ in nothing but their seed are one configuration."""

from dataclasses import dataclass, field

from mtl_cli.compare.runs import Run
from mtl_cli.core.errors import ConfigError

DEFAULT_BASELINE = "shared_bottom"
BASELINE = "--baseline"


@dataclass(eq=False)
class Configuration:
    """One row of the comparison.

    Attributes:
        settings: dotted key to text, without the seed.
        runs: scored ones by seed.
        lost: runs that failed, or have not ended.
        name: made of the settings that differ.
    """

    settings: dict[str, str]
    runs: dict[int, Run] = field(default_factory=dict)
    lost: list[Run] = field(default_factory=list)
    name: str = ""

    @property
    def model(self) -> str:
        """The name of its model."""
        return self.settings.get("model.name", "")

    def values(self, split: str, task: str, metric: str) -> dict[int, float]:
        """Returns a metric by seed, where it is defined."""
        found = {s: r.value(split, task, metric) for s, r in sorted(self.runs.items())}
        return {seed: value for seed, value in found.items() if value is not None}


def configurations(runs: list[Run]) -> list[Configuration]:
    """Groups runs, in order, by their settings; damaged ones are left out."""
    groups: dict[frozenset[tuple[str, str]], Configuration] = {}
    for run in runs:
        if run.status == "damaged":
            continue
        mine = groups.setdefault(run.key, Configuration(run.settings))
        if run.scored:
            mine.runs[run.seed] = run  # of two with one seed the later
        else:
            mine.lost.append(run)
    found = list(groups.values())
    for one in found:
        one.lost = [run for run in one.lost if run.seed not in one.runs]
    name(found)
    return found


def name(found: list[Configuration]) -> list[str]:
    """Names configurations by what differs between them; returns those keys."""
    keys = differing(found)
    for one in found:
        one.name = name_of(one, keys)
    return keys


def twins_of(found: list[Configuration]) -> dict[Configuration, Configuration]:
    """Returns the single-task twin of each configuration that has one.

    The twin has `model.name` single_task, all settings outside the model equal, and a
    seed in common. Of several, with other sizes, the one whose sizes are most alike.
    """
    by_rest: dict[frozenset[tuple[str, str]], list[Configuration]] = {}
    rest = {
        one: frozenset(i for i in one.settings.items() if not i[0].startswith("model."))
        for one in found
    }
    for one in found:
        if one.model == "single_task":
            by_rest.setdefault(rest[one], []).append(one)
    twins = {}
    for one in found:
        near = [t for t in by_rest.get(rest[one], []) if set(t.runs) & set(one.runs)]
        if near and one.model != "single_task":
            mine = set(one.settings.items())
            twins[one] = max(near, key=lambda t: len(mine & set(t.settings.items())))
    return twins


def differing(found: list[Configuration]) -> list[str]:
    """Returns the keys that differ between configurations, the models' names first.

    A key of a group (`model.num_experts`) counts only if it differs between
    configurations of the same choice (`model.name`), since another choice has other
    keys anyway.
    """
    values: dict[str, dict[str, set[str]]] = {}
    keys = dict.fromkeys(key for one in found for key in one.settings)
    for one in found:
        for key in keys:
            group = key.partition(".")[0]
            named = f"{group}.name"
            choice = "" if key == named else one.settings.get(named, "")
            seen = values.setdefault(key, {}).setdefault(choice, set())
            seen.add(one.settings.get(key, ""))
    differ = [
        key for key in keys if any(len(seen) > 1 for seen in values[key].values())
    ]
    return sorted(differ, key=lambda key: (key != "model.name", key.count(".") > 1))


def short(key: str, keys: list[str]) -> str:
    """Returns a key as shown: its last part, if that tells it from the others."""
    if key.endswith(".name") and key.count(".") == 1:
        return key.removesuffix(".name")
    leaf = key.rpartition(".")[2]
    return key if [k.rpartition(".")[2] for k in keys].count(leaf) > 1 else leaf


def name_of(one: Configuration, keys: list[str]) -> str:
    """Names a configuration: its model, and `key=value` of what else differs."""
    parts = [
        one.settings[key] if key == "model.name" else f"{short(key, keys)}={value}"
        for key in keys
        if (value := one.settings.get(key)) is not None
    ]
    return " ".join(parts) or one.model or "the configuration"


def baseline(
    found: list[Configuration], keys: list[str], wanted: str | None
) -> tuple[Configuration, str]:
    """Returns the configuration that others are compared with, and why it is that one.

    Args:
        found: configurations that have scores.
        keys: that differ.
        wanted: `KEY=VALUE[,KEY=VALUE]`; None for the usual choice.

    Raises:
        ConfigError: if none or several match.
    """
    if wanted is None:
        for one in found:
            if one.model == DEFAULT_BASELINE:
                return one, f"the first with model={DEFAULT_BASELINE}"
        trained = [one for one in found if one.model != "single_task"] or found
        return trained[0], "the first that ran"
    matching = found
    known = "; ".join(list(dict.fromkeys(one.name for one in found))[:12])
    for part in split_settings(wanted):
        key, equals, value = part.partition("=")
        if not equals:
            raise ConfigError(f"{BASELINE}: '{part}' should be KEY=VALUE")
        full = full_key(key.strip(), found, keys)
        matching = [
            one for one in matching if same(one.settings.get(full, ""), value.strip())
        ]
    if len(matching) == 1:
        return matching[0], "as asked"
    if matching:
        several = "; ".join([one.name for one in matching][:12])
        raise ConfigError(
            f"{BASELINE} {wanted}: {len(matching)} configurations match, say more of "
            f"the one that is meant: {several}"
        )
    raise ConfigError(f"{BASELINE} {wanted}: no configuration matches; known: {known}")


def split_settings(wanted: str) -> list[str]:
    """Splits at the commas that stand outside brackets."""
    parts, depth = [""], 0
    for character in wanted:
        depth += (character in "[{") - (character in "]}")
        if character == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += character
    return parts


def full_key(key: str, found: list[Configuration], keys: list[str]) -> str:
    """Returns the dotted key that a user means."""
    known = dict.fromkeys(name for one in found for name in one.settings)
    for name in (key, f"{key}.name"):
        if name in known:
            return name
    for name in keys:
        if short(name, keys) == key:
            return name
    differ = ", ".join(short(name, keys) for name in keys) or "no setting differs"
    raise ConfigError(f"{BASELINE}: unknown key '{key}'; what differs: {differ}")


def same(text: str, wanted: str) -> bool:
    """Returns whether a setting is what a user wrote: 0.001 is 1e-3."""
    if text == wanted.replace(" ", ""):
        return True
    try:
        return float(text) == float(wanted)
    except ValueError:
        return False
