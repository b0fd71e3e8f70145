"""Compares runs: the better model, the difference, and whether it is real.

`mtl_cli.compare` is also the function of the library: calling the package compares.
"""

import sys
from types import ModuleType
from typing import Any


class _CallablePackage(ModuleType):
    """A package whose call is `mtl_cli.compare.public.compare`."""

    def __call__(self, *folders: Any, **options: Any) -> Any:
        from mtl_cli.compare.public import compare

        return compare(*folders, **options)


sys.modules[__name__].__class__ = _CallablePackage
