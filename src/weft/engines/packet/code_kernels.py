"""The small numbers that the packet engine's compiled code tells things apart by."""

from __future__ import annotations

# What a packet is
DATA, TRIMMED, ACK, NACK, PULL, RTS, CNP = range(7)
# Flags of a packet
ECN = 1  # congestion experienced; of an acknowledgement: its packet had it
ASKS = 2  # wants to be acknowledged at once
AGAIN = 4  # a retransmission, or the acknowledgement of one
LAST_HOP = 8  # trimmed on the port to its receiver
FIRST = 16  # still to take its first choice of a way (Valiant, UGAL)
BROKEN = 32  # damaged on a link whose far end had begun to forward it; who takes it in whole throws it away

# What an event is; `what` is (index << KIND_BITS) + kind
ARRIVE, FREE, START, TIMER, PACE, GRANT, GATE, CREDIT, TICK, THROTTLE = range(10)
KIND_BITS = 4
KIND_MASK = 15

# State of a flow
WAITING, RUNNING, DONE = range(3)
# State of a sequence number at the sender
UNSENT, FLYING, LOST, ACKED = range(4)

# Congestion controls
NO_CONTROL, NSCC, DCTCP, DCQCN, HPCC, TIMELY, SWIFT = range(7)
# How a sender chooses the path of a packet
ONE_PATH, OBLIVIOUS, BITMAP, REPS, RECYCLE, MIXED, ROUND_ROBIN, FLOWLET = range(8)
# How a switch chooses among equal next hops
HASHED, SHORTEST_QUEUE, TWO_CHOICES, IN_TURN, FLOWLETS = range(5)
# How traffic finds its way through a direct network
MINIMAL, VALIANT, UGAL = range(3)
# What a full queue does, and what keeps it from filling
DROPS, TRIMS, PAUSES, CREDITS = range(4)
# How receivers and senders agree on what is lost
SELECTIVE, GO_BACK_N = range(2)

# Why the loop came back
FINISHED, REACHED, FULL, IDLE, HEARD, STALLED, CROWDED = range(7)
NOTHING = -1
# Where a packet on a wire goes at the far end, if not out by a port: to its host, or a port found on arrival
HERE, LATER = -2, -3
NEVER = (1 << 63) - 1  # picoseconds
