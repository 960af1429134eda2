"""User files in, checked; files out, whole.

YAML is read safely into pydantic models, errors are located by file, line and field, and every error is one line.
"""

from __future__ import annotations

from weft.files.document import Document, read_document, read_yaml
from weft.files.models import check_model, explain, located, read_model
from weft.files.quantities import (
    Carbon,
    Count,
    Duration,
    EnergyPrice,
    Length,
    Money,
    Power,
    Quantity,
    Rate,
    Size,
    Strict,
)
from weft.files.writing import write_atomically

__all__ = [
    "Carbon",
    "Count",
    "Document",
    "Duration",
    "EnergyPrice",
    "Length",
    "Money",
    "Power",
    "Quantity",
    "Rate",
    "Size",
    "Strict",
    "check_model",
    "explain",
    "located",
    "read_document",
    "read_model",
    "read_yaml",
    "write_atomically",
]
