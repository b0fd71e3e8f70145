"""Names the folders of sweeps and jobs: the same command gets the same folder."""

import functools
import hashlib
import re
from collections.abc import Collection
from pathlib import Path

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException

from mtl_cli.config.overrides import key_of_setting, without_signs

# The largest number of characters of a name before its hash.
MAX_LENGTH_BEFORE_HASH = 80
# The beginnings of settings that do not change what jobs compute.
EXECUTION_PREFIXES = ("hydra.", "hydra/launcher=", "sweep.", "resume=")
# The settings that stand first in the name of a job: the end of a long name is cut.
FIRST_PREFIXES = ("model=", "seed=")


def sweep_name(settings: list[str]) -> str:
    """Returns the name of a sweep's folder: the swept keys, and a hash of the settings.

    >>> sweep_name(["model=ple,mmoe", "seed=1,2", "trainer.epochs=3"])
    'model-seed-606b5c'
    >>> sweep_name(["sweep=grid_small", "repeats=5"])
    'grid_small-repeats-d58a69'
    """
    job_settings = [
        setting
        for setting in sorted(map(without_signs, settings))
        # `hydra.sweeper.params` chooses what jobs compute, unlike Hydra's other keys.
        if not setting.startswith(EXECUTION_PREFIXES) or "sweeper.params" in setting
    ]
    names = []
    for setting in filter(is_swept, map(without_signs, settings)):
        key, _, value = setting.partition("=")
        names.append(value if key == "sweep" else key.rpartition(".")[2])
    # The order of the settings does not change what the jobs compute.
    name = "-".join(sorted(names)) if names else "sweep"
    return f"{safe_name(name)[:MAX_LENGTH_BEFORE_HASH]}-{short_hash(job_settings)}"


def is_swept(setting: str) -> bool:
    r"""Whether a setting leads to several jobs, or names a file of swept settings.

    >>> [is_swept(s) for s in ("seed=1,2", "a=[1,2]", "a=[1],[2]", "a=choice(1,2)")]
    [True, False, True, True]
    >>> is_swept(r"dataset.train='it\'s, here.csv'")
    False
    """
    key = setting.partition("=")[0]
    if key in ("sweep", "repeats"):
        return True
    parser = OverridesParser.create()
    try:
        return bool(parser.parse_override(setting).is_sweep_override())
    except HydraException:  # Hydra raises it again when it composes
        return False


def job_name(
    settings: list[str], fixed_keys: Collection[str] = (), sweep: Path | None = None
) -> str:
    """Returns the name of a job's folder, made of the job's settings.

    The model and the seed come first, the other settings follow in alphabetical order.
    In a name that is cut, settings of `fixed_keys`, which have the same value in all
    jobs of the sweep, come last. If the folder `sweep` holds a cut name of the same
    settings, this name is returned: an earlier sweep may have had other fixed keys.

    >>> job_name(["encoder=dcn", "seed=1", "model=ple"])
    'model=ple,seed=1,encoder=dcn'
    >>> job_name(["++dataset.train=/data/a.csv"])
    'dataset.train=_data_a.csv-d4beade4292c'
    """
    job_settings = [
        setting
        for setting in sorted(map(without_signs, settings))
        if not setting.startswith((*EXECUTION_PREFIXES, "sweep="))
    ]

    def text_with_last(last_keys: Collection[str]) -> str:
        def order(setting: str) -> list[bool]:
            is_first = [setting.startswith(first) for first in FIRST_PREFIXES]
            return [*(not x for x in is_first), key_of_setting(setting) in last_keys]

        return ",".join(sorted(job_settings, key=order)) or "defaults"

    text = text_with_last(())
    if safe_name(text) == text and len(text) <= MAX_LENGTH_BEFORE_HASH:
        return text
    # A sweep may have 100,000 jobs. With 6 digits, some of them would share a folder.
    ending = short_hash(job_settings, num_digits=12)
    name = safe_name(text_with_last(fixed_keys))[:MAX_LENGTH_BEFORE_HASH]
    return names_by_ending(sweep).get(ending, f"{name}-{ending}")


@functools.cache  # a sweep may have 100,000 folders
def names_by_ending(sweep: Path | None) -> dict[str, str]:
    """Returns {text after the last hyphen: name} of the folders in a sweep's folder."""
    names = [folder.name for folder in sweep.glob("*")] if sweep else []
    return {name.rpartition("-")[2]: name for name in names}


def safe_name(text: str) -> str:
    """Replaces characters that some file systems do not allow in names."""
    return re.sub(r"[^\w.,=+-]", "_", text, flags=re.ASCII)


def short_hash(settings: list[str], num_digits: int = 6) -> str:
    """Returns the first hexadecimal digits of the hash of a list of settings."""
    return hashlib.sha256("\n".join(settings).encode()).hexdigest()[:num_digits]
