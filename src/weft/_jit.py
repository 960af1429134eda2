"""Compiled kernels: Numba, with a cache that notices every edit.

Numba's own cache looks at the file of a kernel, not at the kernels it calls, and would silently run old code after an
edit of an imported file. So the cache folder is named by a hash of all kernel sources of the package; the last few such
folders are kept. Where no folder can be written, kernels are compiled in every process.
``NUMBA_DISABLE_JIT=1`` runs every kernel as plain Python; ``NUMBA_CACHE_DIR`` puts the cache elsewhere, as it is.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

F = TypeVar("F", bound=Callable[..., Any])
_KERNELS = "_kernels.py"
_KEPT = 4  # cache folders, and any used of late: of other versions, other branches, processes that still run
_LATE_s = 86400.0


def kernel(function: F) -> F:
    """Compile a function over arrays and scalars at its first call; the machine code is kept between processes."""
    import numba

    config: Any = numba.config
    theirs = config.CACHE_DIR
    folder = theirs or cache_folder()
    # Where a function is cached is settled as it is decorated; functions of others keep their own place
    config.CACHE_DIR = folder
    try:
        return cast(F, numba.njit(cache=bool(folder), nogil=True)(function))
    finally:
        config.CACHE_DIR = theirs


def compiled_before() -> bool:
    """Whether kernels of these sources have been compiled on this machine; what is left to compile takes seconds."""
    folder = cache_folder()
    return bool(folder) and any(Path(folder).iterdir())


@functools.cache
def cache_folder() -> str:
    """The folder for these kernel sources, in the user's cache or else the temporary folder; "" where none works."""
    package = Path(__file__).parent
    digest = hashlib.sha256()
    for path in sorted(package.rglob(f"*{_KERNELS}")):
        digest.update(path.relative_to(package).as_posix().encode())
        digest.update(path.read_bytes())
    for root in _roots():
        folder = root / "kernels" / digest.hexdigest()[:16]
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            # Compiled code of someone else is not to be run
            if folder.stat().st_uid == os.getuid() and os.access(folder, os.W_OK | os.X_OK):
                os.utime(folder)
                with contextlib.suppress(OSError):  # another process prunes too
                    _prune(folder.parent)
                return str(folder)
        except OSError:
            continue
    return ""


def _roots() -> list[Path]:
    """Where caches may go, best first."""
    home = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return [Path(home) / "weft", Path(tempfile.gettempdir()) / f"weft-{os.getuid()}"]


def _prune(kernels: Path) -> None:
    """Delete all but the folders used last."""
    used = {folder: folder.stat().st_mtime for folder in kernels.iterdir()}
    for old in sorted(used, key=lambda folder: used[folder], reverse=True)[_KEPT:]:
        if used[old] < time.time() - _LATE_s:
            shutil.rmtree(old, ignore_errors=True)
