"""Compiled kernels: Numba, with a cache that notices every edit.

Numba's own cache looks at the file of a kernel, not at the kernels it calls, and would silently run old code after an
edit of an imported file. So the cache folder is named by a hash of all kernel sources of the package.
``NUMBA_DISABLE_JIT=1`` runs every kernel as plain Python.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

F = TypeVar("F", bound=Callable[..., Any])
_KERNELS = "_kernels.py"


def kernel(function: F) -> F:
    """Compile a function over arrays and scalars at its first call; the machine code is kept between processes."""
    import numba

    return cast(F, numba.njit(cache=True, nogil=True)(function))


def _cache_folder() -> Path:
    """A folder of its own for these kernel sources, in the user's cache or else the temporary folder."""
    package = Path(__file__).parent
    digest = hashlib.sha256()
    for path in sorted(package.rglob(f"*{_KERNELS}")):
        digest.update(path.read_bytes())
    root = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "weft"
    try:
        root.mkdir(parents=True, exist_ok=True)
    except OSError:
        root = Path(tempfile.gettempdir()) / f"weft-{os.getuid()}"
    return root / "kernels" / digest.hexdigest()[:16]


os.environ.setdefault("NUMBA_CACHE_DIR", str(_cache_folder()))
