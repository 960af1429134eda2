"""Cables: which medium each is, how many modules and cages that takes, and a schedule to install them by."""

from weft.fabric.cabling.counting import LinkPart, cages_used, link_parts
from weft.fabric.cabling.quality import LinkQuality, link_quality

__all__ = ["LinkPart", "LinkQuality", "cages_used", "link_parts", "link_quality"]
