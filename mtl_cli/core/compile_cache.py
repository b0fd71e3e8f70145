"""XLA's compiled code, kept on disk: the second run of a network starts sooner."""

import contextlib
import hashlib
import os
import platform
import shutil
import time
from importlib.metadata import version
from pathlib import Path

from mtl_cli.core.paths import cache_folder

FLAG = "--tf_xla_persistent_cache_directory="
DAYS_KEPT = 30
ROOM_NEEDED_BYTES = 1 << 28


def keep() -> None:
    """Tells TensorFlow, before it compiles anything, where to keep what it compiles.

    Does nothing where encoded data is not kept either, or the disk is nearly full:
    TensorFlow would fail a run that it cannot keep the code of.
    """
    root, flags = cache_folder(), os.environ.get("TF_XLA_FLAGS", "")
    if root is None or FLAG in flags:
        return
    folder = root / "compiled" / machine()
    with contextlib.suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        sweep(folder)
        if os.access(folder, os.W_OK) and room(folder) > ROOM_NEEDED_BYTES:
            os.environ["TF_XLA_FLAGS"] = f"{flags} {FLAG}{folder}".strip()


def forget() -> bool:
    """Removes what is kept for this machine; whether there was anything.

    TensorFlow refuses to run where a kept file is damaged.
    """
    _, found, folder = os.environ.get("TF_XLA_FLAGS", "").rpartition(FLAG)
    files = list(Path(folder).glob("*.pb")) if found else []
    for file in files:
        file.unlink(missing_ok=True)
    return bool(files)


def machine() -> str:
    """Returns a hash of what code is compiled for: TensorFlow and the processor."""
    about = [version("tensorflow"), platform.machine(), platform.processor()]
    with contextlib.suppress(OSError), open("/proc/cpuinfo") as file:
        lines = (line for line in file if line.startswith(("flags", "Features")))
        about.append(next(lines, ""))
    return hashlib.sha256("\n".join(about).encode()).hexdigest()[:16]


def sweep(folder: Path) -> None:
    """Removes files that are old: what is still used is compiled again."""
    for file in folder.iterdir():
        if time.time() - file.stat().st_mtime > DAYS_KEPT * 86400:
            file.unlink(missing_ok=True)


def room(folder: Path) -> int:
    """Returns the free bytes of a folder's disk."""
    return shutil.disk_usage(folder).free
