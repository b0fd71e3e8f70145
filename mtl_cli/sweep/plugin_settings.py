"""Adapts the settings of Hydra's launcher and sweeper plugins to our sweeps."""

import logging
import os
import re
import stat
import tempfile
from collections.abc import Collection
from pathlib import Path
from typing import Any

from hydra.conf import HydraConf
from omegaconf import DictConfig, OmegaConf, open_dict

from mtl_cli.config.overrides import (
    key_of_setting,
    quoted,
    with_add_prefix,
    without_signs,
)
from mtl_cli.core.other_files import walk

# Modules of plugins; the `_target_` of a plugin begins with its module.
BASIC_LAUNCHER = "hydra._internal.core_plugins.basic_launcher"
LIST_SWEEPER = "hydra_plugins.list_sweeper_plugin"
SUBMITIT = "hydra_plugins.hydra_submitit_launcher"
RAY = "hydra_plugins.hydra_ray_launcher"

# The sections of `hydra.sweeper` with the keys that a sweep's file sets, for jobs.
PARAMS = ("params", "list_params", "grid_params")
# The key of Hydra that holds the keys which names of folders should leave out.
FIXED_KEYS = "hydra.job.config.override_dirname.exclude_keys"
MISSING = object()  # stands for the value of a key that a configuration lacks
# A folder of `new_submitit_folder` has a name that begins with this prefix.
SUBMITIT_PREFIX = "start-"
new_submitit_folders: set[Path] = set()  # those that this process has made


def uses_basic_launcher(hydra_config: HydraConf | DictConfig) -> bool:
    """Whether Hydra's basic launcher starts the jobs, all from the sweep's process."""
    return str(hydra_config.launcher._target_).startswith(BASIC_LAUNCHER)


def prefix_new_keys(config: DictConfig) -> None:
    """Adds the prefix `++` to the keys that a file sweeps and that no file sets.

    Without the prefix, Hydra refuses such keys. For the command line, `cli.arguments`
    adds the prefix.
    """
    for section in PARAMS:
        params: Any = OmegaConf.select(config, f"hydra.sweeper.{section}")
        if not params:
            continue
        values: Any = OmegaConf.to_container(params, resolve=False)
        prefixed = {}
        for key, value in values.items():
            is_new = OmegaConf.select(config, key, default=MISSING) is MISSING
            prefixed[with_add_prefix(key) if is_new else key] = value
        with open_dict(config):
            config.hydra.sweeper[section] = prefixed


def remove_replaced_params(config: DictConfig) -> None:
    """Removes the keys that a sweep's file sets and the command line sets too.

    Otherwise the sweepers of plugins would mix the two. Hydra's own sweeper lets the
    command line win.
    """
    settings: Any = OmegaConf.to_container(config.hydra.overrides.task)
    replaced = set(map(key_of_setting, settings))
    for section in PARAMS:
        params: Any = OmegaConf.select(config, f"hydra.sweeper.{section}")
        if not params:
            continue
        values: Any = OmegaConf.to_container(params)
        with open_dict(config):
            config.hydra.sweeper[section] = {
                key: value
                for key, value in values.items()
                if without_signs(key) not in replaced
            }


def adapt_plugins(config: DictConfig, fixed_keys: Collection[str] = ()) -> None:
    """Changes a sweep's composed configuration before Hydra composes the jobs.

    Hydra composes each job's configuration again, from `config.hydra.overrides`. So the
    resolved path of the sweep's folder is added to these overrides: a `${seed}` in the
    path would differ between jobs, and a cluster may start a job in another folder. So
    are the keys that have the same value in all jobs, for the names of folders.
    """
    folder = Path(config.hydra.sweep.dir).absolute()
    launcher, sweeper = config.hydra.launcher, config.hydra.sweeper
    with open_dict(config):
        config.hydra.overrides.hydra.extend(
            [
                f"hydra.sweep.dir={quoted(str(folder))}",
                "hydra.sweep.subdir=.",
                f"{FIXED_KEYS}=[{','.join(map(quoted, sorted(fixed_keys)))}]",
            ]
        )
        if str(sweeper._target_).startswith(LIST_SWEEPER):
            for section in ("list_params", "grid_params"):
                sweeper[section] = with_null_as_text(sweeper[section])
        if str(launcher._target_).startswith(SUBMITIT):
            print_warnings_once()
            # A folder that the user has named stays.
            if launcher.submitit_folder == f"{config.hydra.sweep.dir}/.submitit/%j":
                launcher.submitit_folder = f"{new_submitit_folder(folder)}/%j"
        if str(launcher._target_).startswith(RAY):
            # A cluster that runs on this machine refuses the object store memory that
            # the plugin requests by default. Keys that the user has set stay.
            launcher.ray.init = {
                "logging_level": "error",
                "log_to_driver": False,
                "object_store_memory": None,
                **launcher.ray.init,
            }


def with_null_as_text(params: DictConfig) -> dict[str, Any]:
    """Replaces each null among the values of the list sweeper by the text `null`.

    The plugin would write a null as `None`, and Hydra would read `None` as text.
    """
    values: Any = OmegaConf.to_container(params)
    return {
        key: ["null" if x is None else x for x in xs] if isinstance(xs, list) else xs
        for key, xs in values.items()
    }


def new_submitit_folder(sweep: Path) -> Path:
    """Makes a new folder for submitit's files at one start of a sweep.

    Submitit reads results as pickles, and a pickle can run code when it is loaded. Only
    this user can write to the folder, so nobody else can have put pickles there.
    """
    parent = sweep / ".submitit"
    parent.mkdir(exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=SUBMITIT_PREFIX, dir=parent)).absolute()
    new_submitit_folders.add(folder)
    return folder


def remove_submitit_pickles(sweep: Path) -> None:
    """Removes the pickles of this and earlier starts, because they may hold secrets.

    The caller holds the lock of the sweep's folder, so no other start runs.
    """
    parent = sweep.absolute() / ".submitit"
    if parent.is_symlink():
        return
    for folder in filter(is_submitit_folder, parent.glob(f"{SUBMITIT_PREFIX}*")):
        for path, _, names in walk(folder):
            for file in (Path(path, name) for name in names if name.endswith(".pkl")):
                if file.is_file() and not file.is_symlink():
                    file.unlink(missing_ok=True)


def is_submitit_folder(path: Path) -> bool:
    """Whether `new_submitit_folder` has made a folder, now or at an earlier start.

    Other users cannot read such a folder. But some file systems, such as CIFS, show
    another owner or mode than a folder was made with.
    """
    entry = path.lstat()
    if not stat.S_ISDIR(entry.st_mode):
        return False
    is_private = entry.st_uid == os.geteuid() and not entry.st_mode & 0o077
    return is_private or path in new_submitit_folders


def print_warnings_once() -> None:
    """Makes submitit print each warning only once, and only to stderr."""
    import submitit  # noqa: F401  # the import makes submitit's loggers

    printed: set[str] = set()

    def is_new(record: logging.LogRecord) -> bool:
        # Repeated warnings differ in their numbers alone.
        text = re.sub(r"\d+", "", record.getMessage())
        if text in printed:
            return False
        printed.add(text)
        return True

    logger = logging.getLogger("submitit")
    for handler in list(logger.handlers):
        if handler.name == "submitit_out":
            logger.removeHandler(handler)
    logger.addFilter(is_new)
