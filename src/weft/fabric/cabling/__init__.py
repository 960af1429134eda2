"""Cables: which medium each is, how many modules and cages that takes, and a schedule to install them by."""

from weft.fabric.cabling.counting import LinkPart, cages_used, link_parts

__all__ = ["LinkPart", "cages_used", "link_parts"]
