"""Control: what watches a network and changes its next hops, the same for the twin, the lab and real switches.

from weft.control import Reaction
Reaction(underlay, southbound).run(until_s=60)
"""

from weft.control.reaction import Reacted, Reaction
from weft.control.southbound import Ack, Change, Event, Group, Southbound
from weft.control.twin import Twin

__all__ = ["Ack", "Change", "Event", "Group", "Reacted", "Reaction", "Southbound", "Twin"]
