"""What a collective library costs: latencies, the share of raw bandwidth it reaches, and which algorithms it would
pick.

The numbers live in the catalog (``libraries``): one part for the library on each accelerator generation, one for
each network transport. A constant there is physical and serves every cluster of its generation or transport.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import TYPE_CHECKING

from weft.collectives.cost import HOWS
from weft.errors import UnknownName

if TYPE_CHECKING:
    from weft.catalog import Catalog, Part

PROTOCOLS = ("LL", "LL128", "Simple")
_NO_LATENCY = (0.0, 0.0, 0.0)
_NO_CAP = float("inf")


@dataclass(frozen=True, slots=True)
class Device:
    """A library's constants on one accelerator generation; tuples are by protocol: LL, LL128, Simple.

    Attributes:
        launch_s: kernel launch and first synchronisation.
        hop_s: one hop of a ring over the scale-up network.
        tree_hop_s: one hop of a tree's chain over it.
        share: of the bandwidth the Simple protocol reaches.
        tree_share: the same for trees, which reduce and forward at once.
        rate_frac: of the raw scale-up rate, by what moves the bytes (`Stage.how`).
        local_x: cost of a byte copied at home, relative to a byte sent.
        peers_local_x: the same in an all-to-all.
        ll_cap_Bps: LL's greatest bus bandwidth in one unit, two units, more.
        peer_s: what each peer of an all-to-all adds.
        switch_launch_s: launch of the in-network kernel.
        switch_rank_s: what each rank at the switch adds to its barriers.
        skew_x: growth of in-network wire time per doubling of the unit beyond 8 ranks.
        fill_x: strength of pipeline filling, 2 sqrt(fill_x L W) for latency L and wire time W.
        fill_cap_x: its bound in latencies, where chunks stop growing.
        switch_fill_cap_x: the same for in-network kernels.
    """

    launch_s: tuple[float, float, float] = _NO_LATENCY
    hop_s: tuple[float, float, float] = _NO_LATENCY
    tree_hop_s: tuple[float, float, float] = _NO_LATENCY
    share: tuple[float, float, float] = (0.0, 0.0, 1.0)
    tree_share: tuple[float, float, float] = (0.0, 0.0, 1.0)
    rate_frac: Mapping[str, float] = field(default_factory=dict)
    local_x: float = 0.0
    peers_local_x: float = 0.0
    ll_cap_Bps: tuple[float, float, float] = (_NO_CAP, _NO_CAP, _NO_CAP)
    peer_s: float = 0.0
    switch_launch_s: float = 0.0
    switch_rank_s: float = 0.0
    skew_x: float = 0.0
    fill_x: float = 0.0
    fill_cap_x: float = 0.0
    switch_fill_cap_x: float = 0.0


@dataclass(frozen=True, slots=True)
class Transport:
    """A library's constants on one kind of network; tuples are by protocol: LL, LL128, Simple.

    Attributes:
        hop_s: software and NIC time of a ring's hop, on top of the fabric's latency.
        tree_hop_s: the same for a tree's hop.
        share: of the bandwidth the Simple protocol reaches.
        rate_frac: of the raw NIC rate, by what moves the bytes (`Stage.how`).
        post_s: least time of any step of a ring over nodes: the host has to post a message.
        peer_s: what each remote peer of an all-to-all adds.
        peer_nics: how many of its NICs a rank uses in an all-to-all.
        fill_x: share of a hop that every chunk waits for; proxies keep many chunks in flight.
    """

    hop_s: tuple[float, float, float] = _NO_LATENCY
    tree_hop_s: tuple[float, float, float] = _NO_LATENCY
    share: tuple[float, float, float] = (0.0, 0.0, 1.0)
    rate_frac: Mapping[str, float] = field(default_factory=dict)
    post_s: tuple[float, float, float] = _NO_LATENCY
    peer_s: float = 0.0
    peer_nics: float = _NO_CAP
    fill_x: float = 0.0


@dataclass(frozen=True)
class Library:
    """A collective library: constants by accelerator and by network, and what ``auto`` may choose from.

    Attributes:
        name: ``nccl``, ``rccl`` or ``ideal``.
        devices: by the beginning of an accelerator's catalog id; the longest match counts, ``""`` is for the rest.
        transports: by the beginning of a protocol's catalog id, in the same way.
        choices: algorithms that ``auto`` considers, by kind.
        torch_issue_s: time PyTorch's host code needs between two collectives.
    """

    name: str
    devices: Mapping[str, Device]
    transports: Mapping[str, Transport]
    choices: Mapping[str, tuple[str, ...]]
    torch_issue_s: float = 0.0

    def device(self, accelerator: str) -> Device:
        """Constants for an accelerator's generation."""
        return self.devices[_longest(self.devices, accelerator)]

    def transport(self, protocol: str) -> Transport:
        """Constants for a scale-out protocol."""
        return self.transports[_longest(self.transports, protocol)]

    def __hash__(self) -> int:
        return id(self)

    def __eq__(self, other: object) -> bool:
        return self is other


_CHOICES = {
    "all_reduce": ("ring", "tree", "in_network"),
    "all_gather": ("ring",),
    "reduce_scatter": ("ring",),
    "broadcast": ("ring",),
    "reduce": ("ring",),
    "all_to_all": ("direct",),
    "send_recv": ("direct",),
}
_EVERY = (
    *("ring", "tree", "halving_doubling", "direct", "hierarchical", "in_network"),
    *("bruck", "pat", "bucket", "two_level"),
)

#: No overhead at all: latency is the fabric's, bandwidth the wire's. The α-β model itself, and every lower bound.
IDEAL = Library("ideal", {"": Device()}, {"": Transport()}, dict.fromkeys(_CHOICES, _EVERY))


def load_library(name: str = "nccl", catalog: Catalog | None = None) -> Library:
    """Return a library by name from the catalog; ``ideal`` has no overheads.

    Args:
        name: ``nccl``, ``rccl``, ``ideal``, or one that the catalog's overlays define.
        catalog: where to look; the package's own by default.

    Raises:
        UnknownName: no part of the catalog belongs to it.
    """
    if name == "ideal":
        return IDEAL
    if catalog is None:
        from weft.catalog import load_catalog

        catalog = load_catalog()
    return _load(name, catalog)


def parts_of(library: str, accelerator: str, protocols: Iterable[str], catalog: Catalog) -> dict[str, Part]:
    """The catalog's parts that hold a library's constants on an accelerator and some networks.

    Returns:
        by ``device`` for the accelerator's, and by protocol for the networks'.
    """
    devices: dict[str, Part] = {}
    transports: dict[str, Part] = {}
    for part in catalog.parts("libraries"):
        if part.text("library") == library:
            devices |= dict.fromkeys(_words(part, "accelerators"), part)
            transports |= dict.fromkeys(_words(part, "networks"), part)
    found = {protocol: transports[_longest(transports, protocol)] for protocol in protocols}
    return {"device": devices[_longest(devices, accelerator)], **found}


def with_parts(library: Library, parts: Iterable[Part]) -> Library:
    """The same library with the constants of some of its parts replaced."""
    devices, transports = dict(library.devices), dict(library.transports)
    for part in parts:
        if part.text("accelerators") is not None:
            devices |= dict.fromkeys(_words(part, "accelerators"), _device(part))
        elif part.text("networks") is not None:
            transports |= dict.fromkeys(_words(part, "networks"), _transport(part))
    return replace(library, devices=devices, transports=transports)


def library_for(accelerator: str) -> str:
    """The name of the library that an accelerator's vendor ships: ``rccl`` for AMD's, else ``nccl``."""
    return "rccl" if accelerator.startswith("mi") else "nccl"


@lru_cache(maxsize=32)
def _load(name: str, catalog: Catalog) -> Library:
    parts = [part for part in catalog.parts("libraries") if part.text("library") == name]
    whole = next((p for p in parts if p.text("accelerators") is None and p.text("networks") is None), None)
    if whole is not None:
        choices = {kind: tuple((whole.text(kind) or " ".join(default)).split()) for kind, default in _CHOICES.items()}
        found = with_parts(Library(name, {}, {}, choices, _or_zero(whole, "torch_issue_us")), parts)
        if found.devices and found.transports:
            return found
    known = {part.text("library") or "" for part in catalog.parts("libraries")}
    raise UnknownName("collective library", name, {*known, "ideal"} - {""})


def _longest(names: Mapping[str, object], wanted: str) -> str:
    """The longest name that ``wanted`` starts with; ``""`` stands for all others."""
    fits = [name for name in names if wanted.startswith(name)]
    return max(fits, key=len) if fits else ""


def _words(part: Part, name: str) -> list[str]:
    """A plain list of words; ``other`` is the empty prefix, which every id begins with."""
    return ["" if word == "other" else word for word in (part.text(name) or "").split()]


def _or_zero(part: Part, name: str) -> float:
    return part.si(name) if part.has(name) else 0.0


def _by_protocol(part: Part, pattern: str, default: float) -> tuple[float, float, float]:
    """The facts of a pattern such as ``hop_{}_us`` for LL, LL128, Simple."""
    names = [pattern.format(protocol.lower()) for protocol in PROTOCOLS]
    ll, ll128, simple = (part.si(name) if part.has(name) else default for name in names)
    return ll, ll128, simple


def _rates(part: Part) -> dict[str, float]:
    """``copy_frac``, ``tree_frac`` and so on, as far as the part has them."""
    return {how: part.si(f"{how}_frac") for how in HOWS if part.has(f"{how}_frac")}


def _device(part: Part) -> Device:
    caps = [
        part.si(f"ll_{where}_gBps") if part.has(f"ll_{where}_gBps") else _NO_CAP for where in ("unit", "pair", "many")
    ]
    return Device(
        launch_s=_by_protocol(part, "launch_{}_us", 0.0),
        hop_s=_by_protocol(part, "hop_{}_us", 0.0),
        tree_hop_s=_by_protocol(part, "tree_hop_{}_us", 0.0),
        share=_by_protocol(part, "{}_frac", 0.0),
        tree_share=_by_protocol(part, "tree_{}_frac", 0.0),
        rate_frac=_rates(part),
        local_x=_or_zero(part, "local_x"),
        peers_local_x=_or_zero(part, "peers_local_x"),
        ll_cap_Bps=(caps[0], caps[1], caps[2]),
        peer_s=_or_zero(part, "peer_us"),
        switch_launch_s=_or_zero(part, "switch_launch_us"),
        switch_rank_s=_or_zero(part, "switch_rank_us"),
        skew_x=_or_zero(part, "skew_x"),
        fill_x=_or_zero(part, "fill_x"),
        fill_cap_x=_or_zero(part, "fill_cap_x"),
        switch_fill_cap_x=_or_zero(part, "switch_fill_cap_x"),
    )


def _transport(part: Part) -> Transport:
    return Transport(
        hop_s=_by_protocol(part, "hop_{}_us", 0.0),
        tree_hop_s=_by_protocol(part, "tree_hop_{}_us", 0.0),
        share=_by_protocol(part, "{}_frac", 0.0),
        rate_frac=_rates(part),
        peer_s=_or_zero(part, "peer_us"),
        post_s=_by_protocol(part, "post_{}_us", 0.0),
        peer_nics=part.si("peer_nics_count") if part.has("peer_nics_count") else _NO_CAP,
        fill_x=_or_zero(part, "fill_x"),
    )
