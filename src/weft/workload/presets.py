"""Model presets: published shapes by name, from the catalog's `models`."""

from __future__ import annotations

from weft.catalog import Catalog
from weft.fabric.lookup import named_part
from weft.workload.spec import Model


def model_of(named: str | Model, catalog: Catalog) -> Model:
    """Return a model's shape: as given, or a preset's.

    Raises:
        UnknownName: no such preset; the message suggests the nearest.
    """
    if isinstance(named, Model):
        return named
    part = named_part(catalog, "models", named, "model")
    shape = {name: value for name, value in part.plain.items() if name in Model.model_fields}
    return Model(name=part.name, **shape)
