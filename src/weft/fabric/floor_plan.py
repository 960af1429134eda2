"""What a user writes about the building (``floor_plan``) and about cables (``media``).

Defaults are planning values, stated so that they can be argued with: a 48-unit rack of EIA-310 on a 0.6 m pitch (a
raised-floor tile), rows 3 m apart (half of a cold aisle, a rack 1.2 m deep, half of a hot aisle), 44 kW for an
air-cooled rack (four DGX H100 of 10.2 kW and a switch) and 150 kW for a liquid-cooled one (one GB300 NVL72).
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema

from weft.files import Length, Power, Strict

LeafPlace = Literal["top_of_rack", "middle_of_row", "end_of_row", "network_racks"]
Cooling = Literal["air", "liquid"]
RACK_POWER_W = {"air": 44e3, "liquid": 150e3}


class FloorPlan(Strict):
    """Where things stand: racks in rows, rows in halls, halls on sites."""

    cooling: Cooling | None = Field(None, description="air or liquid; default: what the system needs")
    rack_units: int = Field(48, ge=10, le=100, description="rack units of a rack")
    rack_power: Power | None = Field(
        None, gt=0, description="power of a rack; default 44kW with air, 150kW with liquid"
    )
    rack_pitch: Length = Field(0.6, gt=0, le=5, description="from one rack to the next in a row")
    row_pitch: Length = Field(3.0, gt=0, le=30, description="from one row to the next, aisle included")
    racks_per_row: int = Field(20, ge=1, le=1000, description="racks in a row")
    rows_per_hall: int = Field(20, ge=1, le=1000, description="rows in a hall")
    halls_per_site: int | None = Field(None, ge=1, le=1000, description="halls on a site; default: as many as needed")
    sites: int = Field(1, ge=1, le=1000, description="sites at most")
    hall_gap: Length = Field(6.0, ge=0, le=10_000, description="between neighbouring halls")
    site_distance: Length = Field(10e3, gt=0, le=2e7, description="fibre route from one site to the next")
    tray_height: Length = Field(0.5, ge=0, le=20, description="cable tray above the top of the racks")
    slack: Length = Field(1.0, ge=0, le=20, description="spare length of a cable, both ends together")
    leaf: LeafPlace | None = Field(
        None,
        description="where switches with hosts stand: top_of_rack, middle_of_row, end_of_row or network_racks; "
        "default: in the hosts' racks where they fit, else in network racks",
    )
    network: Literal["middle", "end"] = Field(
        "middle", description="where racks of other switches stand among the racks they serve"
    )


def _read_media(value: Any) -> Any:
    """Bring what may be written under ``media`` into one form: tier to policies, classes and media."""
    tiers = value if isinstance(value, dict) else {"default": value}
    read: dict[str, tuple[str, ...]] = {}
    for tier, wanted in tiers.items():
        words = wanted if isinstance(wanted, list | tuple) else [wanted]
        if not words or not all(isinstance(word, str) and word for word in words):
            raise ValueError(
                f"expected a policy, class or medium (or a list of them) for {tier}, such as cheapest or [lpo, aoc]"
            )
        read[str(tier)] = tuple(words)
    return read


_WORDS = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "minItems": 1}]}
Media = Annotated[
    dict[str, tuple[str, ...]],
    BeforeValidator(_read_media),
    WithJsonSchema({"anyOf": [*_WORDS["anyOf"], {"type": "object", "additionalProperties": _WORDS}]}),
]
