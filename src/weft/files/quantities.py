"""Field types for models of user files: quantities with units, read to SI, and described to editors."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler, GetJsonSchemaHandler, PrivateAttr
from pydantic_core import core_schema

from weft import units
from weft.errors import ConfigError


class Strict(BaseModel):
    """A frozen model that refuses unknown fields; every user-facing file is made of these."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    _origin: Any = PrivateAttr(default=None)
    """Where it was read from, for errors found later; see `weft.files.located`."""


class Quantity:
    """Annotates a float field: written with a unit, held in SI, described to editors."""

    def __init__(self, dimension: units.Dimension) -> None:
        self.dimension = dimension

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        return core_schema.no_info_before_validator_function(self._read, handler(source))

    def __get_pydantic_json_schema__(self, _: core_schema.CoreSchema, __: GetJsonSchemaHandler) -> dict[str, Any]:
        return quantity_schema(self.dimension)

    def _read(self, value: Any) -> float:
        try:
            return units.parse(value, self.dimension)
        except ConfigError as error:
            raise ValueError(error.message) from None


def quantity_schema(dimension: units.Dimension) -> dict[str, Any]:
    """Return the JSON Schema of one kind of quantity: a string with a unit, or a bare number where allowed."""
    spellings = "|".join(re.escape(unit).replace("\\/", "/") for unit in sorted(dimension.units) if unit)
    optional = "?" if dimension.bare_number else ""
    text = {
        "type": "string",
        "pattern": rf"^\s*[0-9_]*\.?[0-9_]+([eE][-+]?[0-9]+)?\s*({spellings}){optional}\s*$",
        "examples": dimension.example.split(" or "),
        "description": f"{dimension.name}, such as {dimension.example}",
    }
    return {"anyOf": [text, {"type": "number", "minimum": 0}]} if dimension.bare_number else text


Rate = Annotated[float, Quantity(units.RATE)]
Size = Annotated[float, Quantity(units.SIZE)]
Duration = Annotated[float, Quantity(units.DURATION)]
Power = Annotated[float, Quantity(units.POWER)]
Length = Annotated[float, Quantity(units.LENGTH)]
Money = Annotated[float, Quantity(units.MONEY)]
Count = Annotated[float, Quantity(units.COUNT)]
Carbon = Annotated[float, Quantity(units.CARBON)]
EnergyPrice = Annotated[float, Quantity(units.ENERGY_PRICE)]
