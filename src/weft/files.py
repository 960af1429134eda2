"""User files in, checked: YAML read safely into pydantic models, errors located by file, line and field.

(Loader implementation grows here: located YAML, size and alias limits, nearest-field suggestions.)
"""
from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict

from weft import units


class Strict(BaseModel):
    """A frozen model that refuses unknown fields; every user-facing file is made of these."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _quantity(dimension: units.Dimension) -> BeforeValidator:
    def read(value: Any) -> float:
        try:
            return units.parse(value, dimension)
        except units.ConfigError as error:
            raise ValueError(error.message) from None

    return BeforeValidator(read, json_schema_input_type=str | float)


Rate = Annotated[float, _quantity(units.RATE)]
Size = Annotated[float, _quantity(units.SIZE)]
Duration = Annotated[float, _quantity(units.DURATION)]
Power = Annotated[float, _quantity(units.POWER)]
Length = Annotated[float, _quantity(units.LENGTH)]
Money = Annotated[float, _quantity(units.MONEY)]
Count = Annotated[float, _quantity(units.COUNT)]
EnergyPrice = Annotated[float, _quantity(units.ENERGY_PRICE)]
