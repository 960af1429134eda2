"""What a packet simulation remembers: tables of records that compiled code reads and writes.

Times are picoseconds (int64), sizes bytes. Indexes are rows of the other tables, -1 for none. A row that every packet
touches fits in one or two cache lines, because at 100,000 packets in flight memory is what takes the time.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from weft.engines.packet.memory_kernels import prefetch_of, table

i2, i4, i8, f8 = np.int16, np.int32, np.int64, np.float64
u1, u4, u8 = np.uint8, np.uint32, np.uint64

#: A directed link, with the queue before it: what every packet meets, a cache line.
PORT = np.dtype(
    [
        ("up", u1),
        ("marks", u1),  # whether it marks ECN
        ("cut", u1),  # the far end forwards before a packet's end has come
        ("turn", u1),  # class that weighted sharing is at
        ("lossy", u1),
        ("serving_level", u1),
        ("ring_full", i2),  # rings of the delays: sending a full packet, a control packet, and the wire
        ("ring_control", i2),
        ("ring_wire", i2),  # where the far end cuts through: from a packet's first bit out to its header in
        ("node", i4),  # switch it leaves, or ~host
        ("to", i4),  # switch it reaches, or ~host
        ("serving", i4),  # packet that is being sent
        ("serving_size", i4),
        ("serving_inlet", i4),  # what its place in this switch is counted for
        ("queued", i4),  # bytes of data, that in service too
        ("limit", i4),  # most of it
        ("ecn_low", i4),
        ("ecn_high", i4),
        ("paused", u4),  # a bit a class: stopped by the far end
        ("sent_bytes", i8),
    ],
    align=True,
)
#: The rest of a port.
CABLE = np.dtype(
    [
        ("ps_per_byte", f8),
        ("latency_ps", i8),  # wire, and the switch behind it
        ("loss", f8),  # probability a byte that it is lost on the wire
        ("retry_ps", i8),  # time that link-level retry takes, 0 where there is none
        ("back", i8),  # the port the other way
    ],
    align=True,
)
#: What went on at a port.
TALLY = np.dtype(
    [
        ("packets", i8),
        ("marked", i8),
        ("trimmed", i8),
        ("dropped", i8),
        ("lost", i8),
        ("retried", i8),
        ("pauses", i8),
        ("paused_ps", i8),
        ("paused_since", i8),
    ],
    align=True,
)
#: Packets of one class before a port; `limit` is that of control's bytes.
QUEUE = np.dtype([(name, i4) for name in ("head", "tail", "count", "deficit", "bytes", "most", "limit", "spare")])
#: What a switch holds of one class from one link, and how far it lets the link go; `stopped` is 0, or one more than the
#: bytes it held when it stopped the link.
INLET = np.dtype([("bytes", i8), ("credit", i8), ("stopped", i8)], align=True)
#: A switch.
SWITCH = np.dtype([("salt", u8), ("held", i8), ("turn", i8)], align=True)
#: Where a host is: its edge switch, as tables number edges, and the port that reaches it.
PLACE = np.dtype([("edge", i4), ("down", i4)], align=True)
#: A packet: what every link needs of it. Two fit in a cache line.
PACKET = np.dtype(
    [
        ("flow", i4),
        ("seq", i4),
        ("size", i4),
        ("next", i4),  # in its queue, or in the list of free ones; on the wire the port it will take, or HERE, LATER
        ("port", i4),  # it waits at or is on
        ("dst", i4),  # host
        ("entropy", i4),
        ("kind", u1),
        ("flags", u1),
        ("level", u1),  # its class of queue
        ("hops", u1),  # switches crossed; of an acknowledgement: by what it answers
    ],
    align=True,
)
#: The rest of a packet, that most data goes without: each field is set by those who use it.
LOAD = np.dtype(
    [
        ("inlet", i4),  # where links are held back: what its place in a switch is counted for, or -1
        ("via", i4),  # where ways are not minimal: edge that it goes to first, or -1
        ("cum", i4),  # of an acknowledgement: the first sequence number that has not come
        ("base", i4),  # of an acknowledgement: sequence number of the bitmap's first bit
        ("bitmap", u8),
        ("word", i8),  # data: pull target; acknowledgement: bytes received in all; grant: what may be sent in all
    ],
    align=True,
)
#: A flow at its sender.
SENDER = np.dtype(
    [
        # what an acknowledgement meets
        ("state", u1),
        ("listed", u1),  # waits in its host's list
        ("speculating", u1),
        ("level", u1),  # class of queue of its data
        ("timer", u1),  # whether an event is pending
        ("pacing", u1),
        ("asked", u1),  # for credit, without an answer yet
        ("slot", i4),
        ("src", i4),
        ("dst", i4),
        ("packets", i4),
        ("last_size", i4),  # bytes of its last packet on the wire
        ("cum", i4),  # acknowledged without a gap
        ("sent", i4),  # sequence numbers sent at least once
        ("lost", i4),  # how many wait to be sent again
        ("top", i4),  # highest sequence number that has arrived, and one
        ("in_flight", i8),
        ("received", i8),  # bytes the receiver has said to have
        # a second line
        ("cwnd", f8),
        ("most_cwnd", f8),
        ("base_rtt_ps", i8),
        ("ps_per_byte", f8),  # pace, 0 for none
        ("backlog", i8),  # bytes never sent
        ("credit", i8),
        ("acks", i4),
        ("marked", i4),
        ("next", i4),  # in its host's list
        ("high", i4),  # most that `sent` has been
        # the rest
        ("lost_low", i4),  # no lost sequence number is below
        ("scanned", i4),  # below it nothing flies that later packets show to be lost
        ("waits", i4),  # for so many others before it starts
        ("again", i4),  # retransmissions
        ("nacks", i4),
        ("timeouts", i4),
        ("starved", i4),  # retransmission times without credit, in a row
        ("target", i8),  # up to which quantum of credit it last asked
        ("bytes", i8),
        ("lost_bytes", i8),
        ("next_ps", i8),  # when the pace allows the next packet
        ("pulled", i8),  # of what the receiver granted, what is taken, in quanta
        ("start_ps", i8),
        ("end_ps", i8),  # all acknowledged
        ("got_ps", i8),  # all received
    ],
    align=True,
)
#: A flow at its receiver.
RECEIVER = np.dtype(
    [
        ("expected", i4),
        ("beyond", i4),  # packets held above a gap
        ("pending", i8),  # bytes not acknowledged yet
        ("bytes", i8),
        ("asked", u1),
        ("in_pull", u1),
        ("nacked", u1),  # go-back-N: the gap has been reported
        ("next", i4),  # in its host's list of pulls
        ("pull_entropy", i4),
        ("latest_pull", i8),  # quanta
        ("pull_target", i8),
        ("disordered", i8),  # packets that came before an earlier one
        ("most_beyond", i4),
        ("duplicates", i4),
        ("notified_ps", i8),  # when it last sent a congestion notification
    ],
    align=True,
)
#: A host's one port into the network.
HOST = np.dtype(
    [
        ("port", i4),  # out
        ("head", i4),  # flows that want to send
        ("tail", i4),
        ("active", i4),  # how many
        ("crt", i4),  # turns between data and control
        ("pull_head", i4),
        ("pull_tail", i4),
        ("idle_head", i4),
        ("idle_tail", i4),
        ("granting", u1),
        ("stalled", u1),
        ("asleep", u1),  # does not look after congestion, for nothing is sent
        ("ps_per_quantum", f8),
        ("rate", f8),  # of grants, in part of line rate
        ("g", f8),
        ("came", i8),
        ("came_marked", i8),
        ("trimmed_last", i8),
        ("trimmed_before", i8),
        ("increases", i8),
    ],
    align=True,
)
#: An event: when, in which order among equal times, and what.
EVENT = np.dtype([("time", i8), ("order", i8), ("what", i8)], align=True)
#: Events of one delay: they fall due in the order in which they were made.
RING = np.dtype(
    [
        ("first", i8),
        ("mask", i8),
        ("head", i8),
        ("tail", i8),
        ("delay", i8),
        ("time", i8),  # of the first event, and its order
        ("order", i8),
        ("spare", i8),
    ],
    align=True,
)
#: Flows that begin when others end.
TRIGGER = np.dtype([("need", i4), ("have", i4), ("first", i4), ("next", i4), ("end", i4), ("each", u1)], align=True)
#: A sequence number at the sender.
SEQ = np.dtype([("sent_ps", i8), ("state", u1), ("again", u1), ("path", i4)], align=True)
#: 64 sequence numbers: which have come above the first gap, at the receiver, and as far as its sender knows.
CAME = np.dtype([("bits", u8)], align=True)
#: How a flow chooses paths.
BALANCE = np.dtype(
    [
        ("index", i8),  # in the round
        ("shuffle", i8),  # that orders it
        ("high", i8),  # bits of entropy that tell the flow from others
        ("head", i8),  # of the paths to take again
        ("tail", i8),
        ("place", i8),  # REPS: where the next good path is kept
        ("fresh", i8),
        ("count", i8),
        ("frozen", i8),
        ("frozen_at", i8),
        ("thaw_ps", i8),
        ("explore", i8),
        ("last_ps", i8),
    ],
    align=True,
)
#: A path that REPS keeps.
KEPT = np.dtype([("path", i4), ("valid", i4)], align=True)
#: A path that may be taken again.
RECYCLED = np.dtype([("path", i4)], align=True)
#: How many rounds a path is passed over.
PENALTY = np.dtype([("rounds", u1)], align=True)
#: The set of next hops of a switch for an edge, -1 for none; a port that is the only one as -2 less its number.
NEXT = np.dtype([("set", i4)], align=True)
#: A set of next hops.
HOPS = np.dtype([("first", i4), ("count", i4)], align=True)
#: A row number of another table.
INDEX = np.dtype([("row", i4)], align=True)
#: Links on the way from a switch to an edge.
DISTANCE = np.dtype([("hops", u1)], align=True)
#: What a port tells a packet about itself.
TELLS = np.dtype([("queued", f8), ("sent_bytes", f8), ("at_ps", f8), ("port", f8)], align=True)
#: Bytes a turn of a class in weighted sharing, 0 for strict priority.
QUANTUM = np.dtype([("bytes", i8)], align=True)
#: The port a flow has at a switch, and one; and when it was last there.
FLOWLET = np.dtype([("choice", i8), ("last_ps", i8)], align=True)
#: One row: where the simulation is, what the user chose, and the addresses and sizes of all tables.
WORLD = np.dtype(
    [
        # where it is
        ("now", i8),
        ("order", i8),
        ("random", u8),
        ("ring_count", i8),  # rings with events
        ("heaped", i8),  # events in the heap
        ("free_packet", i8),
        ("free_packets", i8),
        ("free_slot", i8),
        ("running", i8),
        ("done", i8),
        ("ended_count", i8),  # ends since the loop was last entered
        ("hops", i8),
        ("event_count", i8),
        ("new_packets", i8),
        ("moved", i8),  # when a packet last left a port
        # what was chosen
        ("mtu", i8),  # bytes of a full packet on the wire
        ("header", i8),
        ("control_size", i8),  # bytes of a control packet
        ("classes", i8),
        ("full", i8),  # what a full queue does
        ("held", i8),  # whether links are held back: a full queue pauses them, or they have credit
        ("recovery", i8),
        ("sender_control", i8),
        ("receiver_driven", i8),
        ("balance", i8),
        ("paths", i8),
        ("switch_choice", i8),
        ("way", i8),
        ("early", i8),  # next hops depend on headers alone, and are worked out while a packet is on the wire
        ("dead", i8),  # ports whose link is down
        ("lanes", i8),  # virtual channels
        ("flowlet_ps", i8),
        ("ack_every", i8),  # bytes
        ("rto_ps", i8),
        ("patience", i8),  # retransmission times without credit after which a sender asks for it
        ("gap_packets", i8),  # out of order by so many means lost; 0 where trimming tells
        ("window", i8),  # sequence numbers a sender may be ahead of the first gap
        ("control_per_data", i8),
        ("max_window", i8),  # of credit, bytes
        ("network_rtt_ps", i8),
        ("xoff", i8),
        ("xon", i8),
        ("headroom", i8),
        ("shared", i8),  # bytes of a switch's shared buffer, 0 where ports have their own
        ("shared_alpha", f8),
        ("ecn_most", f8),  # probability of a mark just below where all are marked
        ("stall_ps", i8),  # nothing moves for so long while packets are held: come back and let it be looked into
        ("grant_quanta", i8),
        ("least_rate", f8),  # of grants
        ("window_rows", i8),  # columns of the tables of sequence numbers, a power of two
        ("notify_ps", i8),  # least time between congestion notifications of a flow
        ("stop_on_end", i8),  # come back whenever a flow ends
        ("ends_at_receipt", i8),  # flows end when all is received, not when all is acknowledged
        ("int_hops", i8),  # telemetry records a packet carries
        # sizes
        ("edges", i8),
        ("host_rows", i8),
        ("detours", i8),  # edges that packets may go by: the first so many
        ("flows", i8),
        ("heap_rows", i8),
        ("ended_rows", i8),
        ("ring_rows", i8),
        ("packet_rows", i8),
        # addresses
        ("ports", i8),
        ("cables", i8),
        ("places", i8),
        ("idles", i8),
        ("tally", i8),
        ("queues", i8),
        ("inlets", i8),
        ("switches", i8),
        ("packets", i8),
        ("loads", i8),
        ("senders", i8),
        ("receivers", i8),
        ("hosts", i8),
        ("events", i8),
        ("rings", i8),
        ("ring_order", i8),
        ("heap", i8),
        ("next_sets", i8),
        ("hop_sets", i8),
        ("set_ports", i8),
        ("edge_switches", i8),
        ("distances", i8),
        ("seqs", i8),
        ("came", i8),
        ("acked", i8),
        ("balances", i8),
        ("kept", i8),
        ("recycled", i8),
        ("penalties", i8),
        ("free_slots", i8),
        ("control", i8),
        ("constants", i8),
        ("telemetry", i8),
        ("seen", i8),
        ("quanta", i8),
        ("triggers", i8),
        ("trigger_flows", i8),
        ("ends_first", i8),
        ("ends_trigger", i8),
        ("ended", i8),
        ("flowlets", i8),
    ],
    align=True,
)

#: The tables with records of their own, by name; `control` and `constants` are as the congestion control has them.
TABLES = {
    "ports": PORT,
    "cables": CABLE,
    "places": PLACE,
    "idles": INDEX,
    "tally": TALLY,
    "queues": QUEUE,
    "inlets": INLET,
    "switches": SWITCH,
    "packets": PACKET,
    "loads": LOAD,
    "senders": SENDER,
    "receivers": RECEIVER,
    "hosts": HOST,
    "events": EVENT,
    "rings": RING,
    "ring_order": INDEX,
    "heap": EVENT,
    "next_sets": NEXT,
    "hop_sets": HOPS,
    "set_ports": INDEX,
    "edge_switches": INDEX,
    "distances": DISTANCE,
    "seqs": SEQ,
    "came": CAME,
    "acked": CAME,
    "balances": BALANCE,
    "kept": KEPT,
    "recycled": RECYCLED,
    "penalties": PENALTY,
    "free_slots": INDEX,
    "telemetry": TELLS,
    "seen": TELLS,
    "quanta": QUANTUM,
    "triggers": TRIGGER,
    "trigger_flows": INDEX,
    "ends_first": INDEX,
    "ends_trigger": INDEX,
    "ended": INDEX,
    "flowlets": FLOWLET,
}

World = Any

# Functions from (world, row) to the row's record
ports = table("ports", PORT)
cables = table("cables", CABLE)
places = table("places", PLACE)
idles = table("idles", INDEX)
tally = table("tally", TALLY)
queues = table("queues", QUEUE)
inlets = table("inlets", INLET)
switches = table("switches", SWITCH)
packets = table("packets", PACKET)
loads = table("loads", LOAD)
senders = table("senders", SENDER)
receivers = table("receivers", RECEIVER)
hosts = table("hosts", HOST)
events = table("events", EVENT)
rings = table("rings", RING)
ring_order = table("ring_order", INDEX)
heap = table("heap", EVENT)
next_sets = table("next_sets", NEXT)
hop_sets = table("hop_sets", HOPS)
set_ports = table("set_ports", INDEX)
edge_switches = table("edge_switches", INDEX)
distances = table("distances", DISTANCE)
seqs = table("seqs", SEQ)
came = table("came", CAME)
acked = table("acked", CAME)
balances = table("balances", BALANCE)
kept = table("kept", KEPT)
recycled = table("recycled", RECYCLED)
penalties = table("penalties", PENALTY)
free_slots = table("free_slots", INDEX)
telemetry = table("telemetry", TELLS)
seen = table("seen", TELLS)
quanta = table("quanta", QUANTUM)
triggers = table("triggers", TRIGGER)
trigger_flows = table("trigger_flows", INDEX)
ends_first = table("ends_first", INDEX)
ends_trigger = table("ends_trigger", INDEX)
ended = table("ended", INDEX)
flowlets = table("flowlets", FLOWLET)

# Functions from (world, row) that have a row brought near, one or several cache lines of it
prefetch_packet = prefetch_of("packets", PACKET)
prefetch_load = prefetch_of("loads", LOAD)
prefetch_port = prefetch_of("ports", PORT)
prefetch_queue = prefetch_of("queues", QUEUE)
prefetch_sender = prefetch_of("senders", SENDER)
prefetch_receiver = prefetch_of("receivers", RECEIVER)
prefetch_host = prefetch_of("hosts", HOST)
prefetch_seq = prefetch_of("seqs", SEQ)
prefetch_came = prefetch_of("came", CAME)
prefetch_acked = prefetch_of("acked", CAME)
prefetch_balance = prefetch_of("balances", BALANCE)
prefetch_control = prefetch_of("control", np.dtype([("words", f8, 16)]))
prefetch_recycled = prefetch_of("recycled", RECYCLED)
