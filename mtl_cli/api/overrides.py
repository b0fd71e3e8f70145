"""Converts keyword arguments of `mtl_cli.train` to overrides of the command line."""

from collections.abc import Mapping

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException

from mtl_cli.config.overrides import override_text, unreadable_key_error
from mtl_cli.core.nested import flatten


def overrides_of(settings: Mapping[str, object]) -> list[str]:
    """Returns one override `key=value` per setting. Keys of nested dicts become dotted.

    >>> overrides_of({"model": "ple", "trainer": {"epochs": 2, "patience": None}})
    ['model=ple', 'trainer.epochs=2', 'trainer.patience=null']
    >>> overrides_of({"tasks": ["income"], "dataset.train": "my rows.csv"})
    ['tasks=[income]', "dataset.train='my rows.csv'"]
    """
    flat = flatten(settings)
    parser = OverridesParser.create()
    for key in flat:
        try:
            parser.parse_override(f"{key}=1")
        except HydraException:
            raise unreadable_key_error(key, key) from None
    return [f"{key}={override_text(key, value)}" for key, value in flat.items()]
