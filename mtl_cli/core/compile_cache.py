"""Keeps XLA's compiled code on disk, so that a network's second run starts sooner."""

import contextlib
import hashlib
import os
import platform
import stat
import time
from importlib.metadata import version
from pathlib import Path
from shutil import disk_usage

from mtl_cli.core.cache_folder import cache_folder, make_subfolder

FLAG = "--tf_xla_persistent_cache_directory="
MAX_AGE_SECONDS = 30 * 86400
MIN_FREE_BYTES = 256 << 20


def enable() -> None:
    """Makes TensorFlow keep compiled code in the cache, before it compiles anything.

    If `TF_XLA_FLAGS` already names a folder, the call changes nothing. No code is kept
    if `MTL_CACHE` is empty, if the folder cannot be used, or if the disk is nearly
    full: TensorFlow ends a run if it cannot write the code.
    """
    flags = os.environ.get("TF_XLA_FLAGS", "")
    if FLAG in flags:
        return
    with contextlib.suppress(OSError):
        folder = code_folder()
        if folder is None:
            return
        folder.mkdir(exist_ok=True, mode=0o700)
        if is_private(folder) and disk_usage(folder).free > MIN_FREE_BYTES:
            for file in folder.iterdir():
                # Another process may remove the same files at the same time.
                with contextlib.suppress(FileNotFoundError):
                    if time.time() - file.stat().st_mtime > MAX_AGE_SECONDS:
                        file.unlink()
            os.environ["TF_XLA_FLAGS"] = f"{flags} {folder_flag(folder)}".strip()


def folder_flag(folder: Path) -> str:
    """Returns the flag of XLA that names a folder of compiled code."""
    # TensorFlow splits the variable at spaces, so the path is quoted.
    path = str(folder).replace("\\", r"\\").replace('"', r"\"")
    return f'{FLAG}"{path}"'


def code_folder() -> Path | None:
    """Returns the folder for this user and machine; None for no cache."""
    cache = cache_folder()
    if cache is None:
        return None
    return make_subfolder(cache, "compiled") / f"{os.getuid()}-{machine_hash()}"


def clear() -> bool:
    """Removes the compiled code of this machine; returns whether there was some.

    TensorFlow ends a run that loads damaged code, such as a file that a kill cut off.
    Nothing is removed from a folder that `enable` would not use.
    """
    flags = os.environ.get("TF_XLA_FLAGS", "")
    with contextlib.suppress(OSError):
        folder = code_folder()
        if folder and folder_flag(folder) in flags and is_private(folder):
            files = list(folder.glob("*.pb"))
            for file in files:
                file.unlink(missing_ok=True)
            return bool(files)
    return False


def is_private(folder: Path) -> bool:
    """Whether this user, and nobody else, can write to a folder of compiled code."""
    status = folder.lstat()
    is_own = stat.S_ISDIR(status.st_mode) and status.st_uid == os.getuid()
    return is_own and not status.st_mode & 0o022 and os.access(folder, os.W_OK)


def machine_hash() -> str:
    """Returns a hash of TensorFlow's version and the processor.

    Compiled code works only with the version and the processor that it was made for.
    """
    texts = [version("tensorflow"), platform.machine(), platform.processor()]
    # The line with the processor's instructions: "flags" on x86, "Features" on ARM. The
    # file repeats it for each core.
    with contextlib.suppress(OSError), open("/proc/cpuinfo") as file:
        lines = (line for line in file if line.startswith(("flags", "Features")))
        texts.append(next(lines, ""))
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()[:16]
