"""The IP underlay: who has which address, AS number and neighbours, and which next hops a design predicts.

from weft.underlay import build_underlay, next_hops
underlay = build_underlay(fabric)
underlay.device("pod0-leaf3").ports[0].address
"""

from weft.underlay.build import build_underlay
from weft.underlay.configured import check_configured
from weft.underlay.model import Device, Port, Role, Underlay
from weft.underlay.routes import Routes, next_hops

__all__ = ["Device", "Port", "Role", "Routes", "Underlay", "build_underlay", "check_configured", "next_hops"]
