"""Algorithms as schedules and as closed forms."""

from weft.collectives.kinds import KINDS, busbw, busbw_factor, canonical
from weft.collectives.library import IDEAL, Library, library_for, load_library
from weft.collectives.model import ALGORITHMS, Estimate, estimate
from weft.collectives.schedule import Phase, Schedule, Transfer

__all__ = [
    "ALGORITHMS",
    "IDEAL",
    "KINDS",
    "Estimate",
    "Library",
    "Phase",
    "Schedule",
    "Transfer",
    "busbw",
    "busbw_factor",
    "canonical",
    "estimate",
    "library_for",
    "load_library",
]
