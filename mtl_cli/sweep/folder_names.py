"""Names of sweeps and of their jobs' folders: the same command, the same folder."""

import hashlib
import re

LONGEST = 80
# They say how jobs are run, not what they compute.
HOW = ("hydra.", "hydra/launcher=", "sweep.", "resume=")


def sweep_name(settings: list[str]) -> str:
    """Returns a folder's name for the sweep that settings make.

    Args:
        settings: `key=value` of the command line.

    Returns: what is swept, by the keys' last words, and a hash.

    >>> sweep_name(["model=ple,mmoe", "seed=1,2", "trainer.epochs=3"])
    'model-seed-606b5c'
    >>> sweep_name(["sweep=grid_small", "repeats=5"])
    'grid_small-repeats-d58a69'
    """
    plain = sorted(setting.lstrip("+~") for setting in settings)
    kept = [s for s in plain if not s.startswith(HOW) or "sweeper.params" in s]
    words = []
    for setting in filter(is_swept, map(bare, settings)):
        key, _, value = setting.partition("=")
        words.append(value if key == "sweep" else key.rpartition(".")[2])
    name = "-".join(words or ["sweep"])
    return f"{safe(name)[:LONGEST]}-{short_hash(kept)}"


def is_swept(setting: str) -> bool:
    """Whether a setting makes several jobs, or names what does.

    >>> [is_swept(s) for s in ("seed=1,2", "a=[1,2]", "a=[1],[2]", "a=choice(1,2)")]
    [True, False, True, True]
    """
    key, _, value = setting.partition("=")
    if key in ("sweep", "repeats"):
        return True
    outside = re.sub(r"'[^']*'|\"[^\"]*\"", "", value)
    while outside != (outside := re.sub(r"\[[^\[\]]*\]|\{[^{}]*\}", "", outside)):
        pass
    return "," in outside or outside.endswith(")")


def job_name(settings: list[str]) -> str:
    """Returns a folder's name for a job; unchanged settings give the same.

    >>> job_name(["seed=1", "model=ple"])
    'model=ple,seed=1'
    >>> job_name(["++dataset.train=/data/a.csv"])
    'dataset.train=_data_a.csv-d4bead'
    """
    kept = [s for s in map(bare, settings) if not s.startswith((*HOW, "sweep="))]
    plain = sorted(kept)
    text = ",".join(plain) or "defaults"
    name = safe(text)
    if name == text and len(name) <= LONGEST:
        return name
    return f"{name[:LONGEST]}-{short_hash(plain)}"


def bare(setting: str) -> str:
    """Returns a setting without Hydra's signs for adding and removing."""
    return setting.lstrip("+~")


def safe(text: str) -> str:
    """Returns a text with what file systems may not take replaced."""
    return re.sub(r"[^\w.,=+-]", "_", text, flags=re.ASCII)


def short_hash(settings: list[str]) -> str:
    """Returns six characters that tell these settings from others."""
    return hashlib.sha256("\n".join(settings).encode()).hexdigest()[:6]
