"""Why predictions are far off, where it is known: read from the package's list, printed beside the error."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import lru_cache
from importlib.resources import files

from weft.files.document import read_document


@dataclass(frozen=True, slots=True)
class Cause:
    """One known cause: the rows and metrics that it concerns, as ``*`` patterns, and what it is."""

    ids: tuple[str, ...]
    metrics: tuple[str, ...]
    why: str


def known_cause(row_id: str, metric: str) -> str:
    """Why the prediction of a metric of a row is off; empty where that is not known."""
    for cause in causes():
        if any(fnmatchcase(row_id, each) for each in cause.ids) and any(fnmatchcase(metric, m) for m in cause.metrics):
            return cause.why
    return ""


@lru_cache(maxsize=1)
def causes() -> tuple[Cause, ...]:
    """The package's list."""
    listed = read_document(str(files("weft.validation") / "data" / "causes.yaml")).value["causes"]
    return tuple(Cause(tuple(each["ids"]), tuple(each.get("metrics", ["*"])), each["why"]) for each in listed)
