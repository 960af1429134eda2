"""Looking a part up for a field of a user's file."""

from __future__ import annotations

from weft.catalog import Catalog, Part
from weft.errors import UnknownName


def named_part(catalog: Catalog, kind: str, part_id: str, field: str) -> Part:
    """Return a part.

    Raises:
        UnknownName: it is not in the catalog; names the field the user wrote it in.
    """
    try:
        return catalog.get(kind, part_id)
    except UnknownName as error:
        error.field = field
        raise
