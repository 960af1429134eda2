"""Lines of words: the form of the UEC reference simulator's input files."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from weft.errors import ConfigError

_MOST_BYTES = 1 << 30
_DECIMAL = re.compile(r"[0-9]+\.[0-9]+")


@dataclass(frozen=True, slots=True)
class Line:
    """Words of a line.

    Attributes:
        file, number: where it is.
        words: separated by blanks.
    """

    file: str
    number: int
    words: tuple[str, ...]

    def error(self, message: str, field: str | None = None) -> ConfigError:
        """Return an error about the line."""
        return ConfigError(message, file=self.file, line=self.number, field=field)

    def whole(self, place: int, field: str, least: int = 0, most: int = (1 << 31) - 1) -> int:
        """Return a word as a whole number.

        Raises:
            ConfigError: it is missing, no number, or out of range.
        """
        text = self.words[place] if place < len(self.words) else ""
        digits = text.removeprefix("-")
        if not digits.isascii() or not digits.isdigit():
            raise self.error(f"a whole number belongs here, read {text[:40]!r}", field)
        value = int(text) if len(text) < 20 else most + 1
        if not least <= value <= most:
            raise self.error(f"{text[:40]} is out of range; {least} to {most}", field)
        return value

    def decimal(self, place: int, field: str, most: float) -> float:
        """Return a word as a number from 0 on, with or without a decimal point.

        Raises:
            ConfigError: it is missing, no number, or out of range.
        """
        text = self.words[place] if place < len(self.words) else ""
        if not _DECIMAL.fullmatch(text):
            return float(self.whole(place, field, 0, int(most)))
        if len(text) > 40 or float(text) > most:
            raise self.error(f"{text[:40]} is out of range; 0 to {most:.0f}", field)
        return float(text)


def read_lines(path: str | os.PathLike[str]) -> Iterator[Line]:
    """Yield the lines that say something; those that begin with ``#`` do not.

    Raises:
        ConfigError: the file cannot be read, or is not text.
    """
    name = str(path)
    try:
        if os.path.getsize(path) > _MOST_BYTES:
            raise ConfigError("is larger than 1 GiB", file=name)
        text = Path(path).read_text("utf-8")
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror or error}", file=name) from None
    except UnicodeDecodeError:
        raise ConfigError("is not a text file", file=name) from None
    for number, line in enumerate(text.splitlines(), 1):
        words = line.split()
        if words and not words[0].startswith("#"):
            yield Line(name, number, tuple(words))
