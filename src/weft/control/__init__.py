"""Control: what watches a network and changes its next hops, the same for the twin, the lab and real switches.

from weft.control import Reaction
Reaction(underlay, southbound).run(until_s=60)
"""

from weft.control.southbound import Ack, Change, Event, Group, Southbound

__all__ = ["Ack", "Change", "Event", "Group", "Southbound"]
