"""Files out: whole or not at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from weft.errors import ConfigError


def write_atomically(path: str | os.PathLike[str], content: str | bytes) -> None:
    """Write ``content`` beside ``path``, flush it to disk, then rename it into place.

    A reader sees the old file or the new one, never half of one. Text is written as UTF-8.

    Raises:
        ConfigError: the folder is missing or closed to us, the disk is full, or ``path`` is a folder.
    """
    target = Path(path)
    if target.is_dir():
        raise ConfigError("is a folder; name a file to write", file=str(path))
    data = content.encode() if isinstance(content, str) else content
    aside: str | None = None
    try:
        handle, aside = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        os.chmod(aside, _mode_for(target))
        os.replace(aside, target)
    except OSError as error:
        if aside is not None and os.path.exists(aside):
            os.unlink(aside)
        raise ConfigError(f"cannot be written: {error.strerror or error}", file=str(path)) from None


def _mode_for(target: Path) -> int:
    """Return the mode ``open`` would have given: the old file's, or what the umask leaves of rw-rw-rw-."""
    try:
        return target.stat().st_mode & 0o777
    except OSError:
        mask = os.umask(0)
        os.umask(mask)
        return 0o666 & ~mask
