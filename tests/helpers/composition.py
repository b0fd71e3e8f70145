"""Composes configurations for tests that build many networks.

Hydra takes a tenth of a second for each configuration. Most tests change only keys of a
configuration, which takes a hundredth.
"""

import copy
import functools
import re

from hydra import compose, initialize_config_dir
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig, OmegaConf

from mtl_cli.core.paths import conf_folder

# A key of a section, as in `model.dropout=0.1`: neither a group nor an added key.
KEY = re.compile(r"(?!hydra\.)[a-z]\w*(\.\w+)+=|(tasks|seed)=")


@functools.cache
def of_groups(overrides: tuple[str, ...]) -> DictConfig:
    with initialize_config_dir(str(conf_folder()), version_base="1.3"):
        return compose("config", overrides=list(overrides))


def composed(*overrides: str) -> DictConfig:
    """Returns what `mtl-train` composes; keys of sections are set last."""
    groups = tuple(text for text in overrides if not KEY.match(text))
    config = copy.deepcopy(of_groups(groups))
    keys = [text for text in overrides if KEY.match(text)]
    for override in OverridesParser.create().parse_overrides(keys):
        OmegaConf.update(config, override.key_or_group, override.value(), merge=True)
    return config
