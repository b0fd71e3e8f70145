"""Composes configurations for tests that build many networks.

Hydra takes a tenth of a second for each configuration. Most tests choose options and
change keys only. Then Hydra composes each option once, and a configuration takes a
hundredth of a second.
"""

import functools
import pickle
import re

from hydra import compose, initialize_config_dir
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig, OmegaConf

from mtl_cli.core.paths import conf_folder

# A key of a section, as in `model.dropout=0.1`.
KEY = re.compile(r"(?!hydra\.)[a-z]\w*(\.\w+)+=|(tasks|seed)=")
# A key that is added to the data set. If keys are removed too, the order matters.
ADDED_KEY = re.compile(r"\+\+?dataset\.")
# An option whose file sets the keys of its own section only.
OPTION = re.compile(r"(encoder|model|optimizer|tracker)=\w+")


@functools.cache
def of_groups(overrides: tuple[str, ...]) -> bytes:
    """Returns what Hydra composes, pickled: copies of it take a millisecond."""
    with initialize_config_dir(str(conf_folder()), version_base="1.3"):
        return pickle.dumps(compose("config", overrides=list(overrides)))


def composed(*overrides: str) -> DictConfig:
    """Returns what `mtl-train` composes; keys of sections are set last."""
    removes_keys = any(text.startswith("~") for text in overrides)
    keys = [
        text
        for text in overrides
        if KEY.match(text) or (ADDED_KEY.match(text) and not removes_keys)
    ]
    groups = tuple(text for text in overrides if text not in keys)
    options = groups if all(map(OPTION.fullmatch, groups)) else ()
    config: DictConfig = pickle.loads(of_groups(() if options else groups))
    for option in options:
        section = option.partition("=")[0]
        config[section] = pickle.loads(of_groups((option,)))[section]
    for override in OverridesParser.create().parse_overrides(keys):
        OmegaConf.update(
            config,
            override.key_or_group,
            override.value(),
            merge=True,
            force_add=override.is_add() or override.is_force_add(),
        )
    return config
