"""What hosts and switches do with packets: congestion control, path choice, queues, and their parameters."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Literal, get_args

from weft.engines.packet.network import PacketNetwork
from weft.errors import ConfigError, UnknownName

Control = Literal["none", "nscc", "dctcp", "dcqcn", "hpcc", "timely", "swift"]
Balance = Literal["one_path", "oblivious", "bitmap", "reps", "recycle", "mixed", "round_robin", "flowlet"]
Choice = Literal["hashed", "shortest_queue", "two_choices", "in_turn", "flowlets"]
Queues = Literal["drop", "trim", "pause", "credit"]
Way = Literal["minimal", "valiant", "ugal"]
Recovery = Literal["selective", "go_back_n"]

_POWERS = ("oblivious", "bitmap", "mixed")  # balances that shuffle a power of two of paths


@dataclass(frozen=True, kw_only=True)
class Transport:
    """How a simulation's traffic behaves. Blank sizes and times follow from the network (`Settings`).

    Attributes:
        control: congestion control of senders; ``none`` keeps the window as it is.
        receiver_driven: receivers grant credit (RCCC of Ultra Ethernet; with ``control: none`` much as EQDS and NDP).
        balance: how a sender chooses paths.
        paths: how many entropy values it uses.
        switch_choice: how a switch chooses among equal next hops.
        way: through direct networks.
        queues: what a full queue does, or what keeps it from filling.
        recovery: what is sent again after a loss.
        mtu_bytes: a full packet on the wire, with its header.
        header_bytes: of it.
        control_bytes: an acknowledgement, a trimmed packet.
        queue_bytes: data a port holds; blank: so many bandwidth-delay products as ``queue_bdps`` says.
        queue_bdps: blank: one (five where full queues drop).
        shared_bytes: a switch's buffer, shared by its ports; blank: ports have their own.
        shared_alpha: a port may hold so many times what is left of it (dynamic thresholds).
        ecn_low_bytes, ecn_high_bytes: RED marks between, and all above; blank: 20 and 80 % of one bandwidth-delay
            product; for DCTCP a seventh and for DCQCN what its paper has (`marking`).
        ecn_most: probability of a mark as the queue comes to ``ecn_high_bytes``; blank: 1, for DCQCN 0.01.
        ecn_last_hop: also on ports to hosts; blank: unless receivers drive.
        xoff_bytes: data from a link, at which it is paused; blank: one bandwidth-delay product; for DCQCN no less than
            ``ecn_high_bytes`` and for TIMELY five products, for control is to act before pauses do.
        xon_bytes: at which it may go on; blank: two packets less.
        credit_bytes: of a link's buffer for each lane; blank: what keeps the link busy, and four packets.
        lanes: virtual channels; a packet takes the next with each switch.
        class_weights: of traffic classes, 0 for one that goes strictly before those after it.
        cut_through: switches forward a packet as its header arrives, where all their ports are as fast.
        window_bytes: at first; blank: one and a half bandwidth-delay products.
        target_delay_s: queueing that delay-based control aims at; blank: 0.75 of the network's round trip where
            packets are trimmed, else the round trip.
        ack_every_bytes: data between acknowledgements of packets that do not ask for one.
        rto_s: retransmission time; blank: 15 us and six full queues, two round trips at least.
        gap_packets: overtaken by so many is lost; 0: only silence tells; blank: 0 where queues trim, and for NSCC and
            receiver credit; else 3 on one path and one window on several.
        flowlet_s: pause after which a flow may take another path.
        grant_packets: full packets that a receiver grants at a time.
        grants_follow_marks: receivers grant less where the network towards them is congested; blank: where leaf
            switches are oversubscribed and receivers alone drive.
        polarised: every switch hashes alike, so that a tier repeats the choices of the one below.
        seed: of all random choices.
    """

    control: Control = "nscc"
    receiver_driven: bool = False
    balance: Balance = "mixed"
    paths: int = 64
    switch_choice: Choice = "hashed"
    way: Way = "minimal"
    queues: Queues = "trim"
    recovery: Recovery = "selective"
    mtu_bytes: int = 4150
    header_bytes: int = 64
    control_bytes: int = 64
    queue_bytes: int | None = None
    queue_bdps: int | None = None
    shared_bytes: int | None = None
    shared_alpha: float = 1.0
    ecn_low_bytes: int | None = None
    ecn_high_bytes: int | None = None
    ecn_most: float | None = None
    ecn_last_hop: bool | None = None
    xoff_bytes: int | None = None
    xon_bytes: int | None = None
    credit_bytes: int | None = None
    lanes: int = 1
    class_weights: tuple[float, ...] = (0.0,)
    cut_through: bool = False
    window_bytes: float | None = None
    target_delay_s: float | None = None
    ack_every_bytes: int = 16384
    rto_s: float | None = None
    gap_packets: int | None = None
    flowlet_s: float = 50e-6
    grant_packets: int = 4
    grants_follow_marks: bool | None = None
    polarised: bool = False
    seed: int = 13

    def __post_init__(self) -> None:
        for name, kind in _CHOICES.items():
            if getattr(self, name) not in get_args(kind):
                raise UnknownName(name, getattr(self, name), get_args(kind))
        if not 64 < self.mtu_bytes < 1 << 20:
            raise ConfigError(f"a packet of {self.mtu_bytes} bytes; 65 bytes to 1 MiB", field="mtu_bytes")
        if not 0 < self.header_bytes < self.mtu_bytes:
            raise ConfigError(f"{self.header_bytes} bytes of header leave no data", field="header_bytes")
        if not 0 < self.control_bytes < self.mtu_bytes:
            raise ConfigError(f"{self.control_bytes} bytes; less than a packet", field="control_bytes")
        if not 1 <= self.paths <= 1 << 15 or (self.balance in _POWERS and self.paths & (self.paths - 1)):
            raise ConfigError(f"{self.paths} paths; a power of two up to 32,768", field="paths")
        if not 1 <= self.lanes * len(self.class_weights) < 32:
            raise ConfigError("traffic classes times lanes are 1 to 31", field="lanes")
        for name in (
            "queue_bytes",
            "queue_bdps",
            "target_delay_s",
            "shared_bytes",
            "xoff_bytes",
            "credit_bytes",
            "window_bytes",
            "rto_s",
        ):
            value = getattr(self, name)
            if value is not None and not 0 < value < 1 << 31:
                raise ConfigError(f"{value}; above 0 and below 2^31", field=name)
        if self.shared_bytes is not None and self.shared_alpha * self.shared_bytes < self.mtu_bytes:
            raise ConfigError(f"{self.shared_bytes} bytes hold no packet for any port", field="shared_bytes")
        low, high = self.ecn_low_bytes, self.ecn_high_bytes
        if low is not None and high is not None and low > high:
            raise ConfigError(f"{low} bytes is above ecn_high_bytes, {high}", field="ecn_low_bytes")
        if self.gap_packets is not None and not 0 <= self.gap_packets < 1 << 31:
            raise ConfigError(f"{self.gap_packets} packets; 0 and more", field="gap_packets")
        if not 1 <= self.grant_packets <= 1 << 10:
            raise ConfigError(f"{self.grant_packets} packets at a time; 1 to 1,024", field="grant_packets")
        if self.ecn_most is not None and not 0 <= self.ecn_most <= 1:
            raise ConfigError(f"{self.ecn_most}; a probability, 0 to 1", field="ecn_most")

    @property
    def hazards(self) -> list[str]:
        """What in it does not go together, so that figures are bad for that reason."""
        spreads = self.balance != "one_path" or self.switch_choice != "hashed"
        if self.recovery == "go_back_n" and spreads:
            return [
                "packets of a flow take several ways, and the transport sends again all from a gap on (go-back-N): "
                "what comes out of order is lost; use ecmp routing, or a transport that takes packets in any order"
            ]
        return []


_CHOICES = {
    "control": Control,
    "balance": Balance,
    "switch_choice": Choice,
    "way": Way,
    "queues": Queues,
    "recovery": Recovery,
}
#: Kinds in the order of their numbers in `code_kernels`.
NUMBERED = {name: get_args(kind) for name, kind in _CHOICES.items()}
FIELDS = tuple(field.name for field in fields(Transport))


@dataclass(frozen=True)
class Settings:
    """A transport's sizes and times on a network, all filled in.

    Attributes:
        transport: what was asked for.
        rtt_s: round trip of a full packet and its acknowledgement over the longest way, without queues.
        links: on the longest way.
        rate_Bps: of the fastest host.
        bdp_bytes: what it sends in a round trip.
        widest_bytes: the largest bandwidth-delay product of any way.
        patience: retransmission times without credit after which a sender asks the receiver for it: 1 where wires lose
            packets; elsewhere credit is hardly ever lost, and comes when the receiver's other flows leave room.
    """

    transport: Transport
    rtt_s: float
    links: int
    rate_Bps: float
    bdp_bytes: float
    queue_bytes: int
    ecn_low_bytes: int
    ecn_high_bytes: int
    ecn_most: float
    ecn_last_hop: bool
    xoff_bytes: int
    xon_bytes: int
    headroom_bytes: int
    target_delay_s: float
    rto_s: float
    gap_packets: int
    window_x: float
    widest_bytes: float
    grants_follow_marks: bool
    least_grant: float
    patience: int


_PATIENCE = 256


def settle(transport: Transport, network: PacketNetwork) -> Settings:
    """Fill in what a transport leaves blank.

    The rules are those of the UEC reference simulator (htsim_uec), so that its runs can be compared with as they are.

    Raises:
        ConfigError: rates and latencies are such that queues would hold 2 GiB and more.
    """
    t, given = transport, network.reference
    rate_Bps = float(network.rate_Bps[: network.hosts].max()) if given is None else given.rate_Bps
    links, latency_s = network.longest() if given is None else (given.links, given.latency_s)
    rtt_s = 2 * latency_s + links * (t.mtu_bytes + t.control_bytes) / rate_Bps
    bdp = rtt_s * rate_Bps
    packets = math.ceil(round(bdp / t.mtu_bytes, 9))
    queue = t.queue_bytes or packets * (t.queue_bdps or (1 if t.queues == "trim" else 5)) * t.mtu_bytes
    low, high, most = marking(t, packets, rate_Bps)
    late = {"dcqcn": high, "timely": 5 * packets * t.mtu_bytes}.get(t.control, 0)
    xoff = t.xoff_bytes or max(packets * t.mtu_bytes, late)
    if max(queue, high, xoff) >= 1 << 31:
        message = f"{rate_Bps * 8e-9:g} Gb/s for a round trip of {rtt_s:g} s are {bdp:.2e} bytes"
        raise ConfigError(f"{message}; queues hold a few times as much, less than 2 GiB", field="latency")
    reach = float((network.latency_s * network.rate_Bps).max())
    oversubscription = network.oversubscription()
    alone = t.receiver_driven and t.control == "none"
    follow = t.grants_follow_marks
    spread = (t.balance not in ("one_path", "flowlet") and t.paths > 1) or t.switch_choice != "hashed"
    told = t.queues == "trim" or t.control == "nscc" or t.receiver_driven
    gap = (0 if told else max(3, packets) if spread else 3) if t.gap_packets is None else t.gap_packets
    lossy = network.loss is not None and bool((network.loss > 0).any())
    return Settings(
        transport=t,
        rtt_s=rtt_s,
        links=links,
        rate_Bps=rate_Bps,
        bdp_bytes=bdp,
        queue_bytes=queue,
        ecn_low_bytes=low,
        ecn_high_bytes=max(low, high),
        ecn_most=most,
        ecn_last_hop=t.ecn_last_hop if t.ecn_last_hop is not None else not t.receiver_driven,
        xoff_bytes=xoff,
        xon_bytes=t.xon_bytes if t.xon_bytes is not None else max(xoff - 2 * t.mtu_bytes, t.mtu_bytes),
        headroom_bytes=math.ceil(2 * reach) + 4 * t.mtu_bytes,
        target_delay_s=t.target_delay_s or rtt_s * (0.75 if t.queues == "trim" else 1.0),
        rto_s=t.rto_s or max(15e-6 + 6 * queue / rate_Bps, 2 * rtt_s),
        gap_packets=gap,
        window_x=1.5,
        widest_bytes=bdp if given is None else max(bdp, given.widest_bytes),
        grants_follow_marks=(alone and oversubscription > 1) if follow is None else follow,
        least_grant=max(0.9 / max(1.0, oversubscription), 0.01),
        patience=1 if lossy else _PATIENCE,
    )


def marking(transport: Transport, packets: int, rate_Bps: float) -> tuple[int, int, float]:
    """Return where marks begin and where all are marked, bytes, and the probability of a mark just below the latter.

    DCTCP: a step at a seventh of the bandwidth-delay product (M. Alizadeh et al., SIGCOMM 2010, equation 13), in whole
    packets. DCQCN: 5 KB, 200 KB and 1 % at 40 Gb/s (Y. Zhu et al., SIGCOMM 2015, section 5.2), bytes with the rate.
    Else as htsim_uec marks.

    Args:
        transport: with what was chosen.
        packets: of one bandwidth-delay product.
        rate_Bps: of the fastest host.
    """
    t, mtu = transport, transport.mtu_bytes
    low, high, most = math.ceil(packets * 0.2) * mtu, math.ceil(packets * 0.8) * mtu, 1.0
    if t.control == "dctcp":
        low = high = math.ceil(packets / 7) * mtu
    elif t.control == "dcqcn":
        low, high, most = math.ceil(5e3 * rate_Bps / 5e9), math.ceil(200e3 * rate_Bps / 5e9), 0.01
    low = low if t.ecn_low_bytes is None else t.ecn_low_bytes
    high = high if t.ecn_high_bytes is None else t.ecn_high_bytes
    return low, high, most if t.ecn_most is None else t.ecn_most
