"""How links were used, for machines: one object for JSON, two tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from weft.engines.fluid.link_use import LinkUse


def links_as_data(use: LinkUse) -> dict[str, Any]:
    """How every class of links was used, as data."""
    return {
        "span_s": use.span_s,
        "classes": [
            {
                "link_class": name,
                "links": int(use.links[row]),
                "carried_bytes": float(use.carried_bytes[row]),
                "utilisation": float(use.utilisation[row]),
                "busiest_utilisation": float(use.busiest[row]),
                "limiting_s": float(use.limiting_s[row]),
                "links_by_decile": use.deciles[row].tolist(),
            }
            for row, name in enumerate(use.kinds)
        ],
    }


def link_tables(use: LinkUse) -> dict[str, dict[str, list[Any]]]:
    """Return ``{"links": columns, "link_use": columns}``: what limited, link by link; classes of links over time."""
    kinds, bins = use.over_time.shape
    return {
        "links": {
            "link": [each.name for each in use.limits],
            "link_class": [each.kind for each in use.limits],
            "alike": [each.alike for each in use.limits],
            "limiting_s": [each.limiting_s for each in use.limits],
            "busy_s": [each.busy_s for each in use.limits],
            "utilisation": [each.utilisation for each in use.limits],
            "carried_bytes": [each.carried_bytes for each in use.limits],
        },
        "link_use": {
            "link_class": [name for name in use.kinds for _ in range(bins)],
            "time_s": np.tile(np.arange(bins) * use.bin_s, kinds).tolist(),
            "utilisation": use.over_time.ravel().tolist(),
        },
    }
