"""Parts and rates with their sources.

from weft.catalog import load_catalog
h100 = load_catalog().get("accelerators", "h100_sxm")
h100.si("hbm_tBps")            # 3.35e12 B/s
h100.fact("price_usd").sources # where the figure comes from
"""

from weft.catalog.model import Contradiction, Fact, Part, Source
from weft.catalog.range import Range
from weft.catalog.store import Catalog, load_catalog

__all__ = ["Catalog", "Contradiction", "Fact", "Part", "Range", "Source", "load_catalog"]
