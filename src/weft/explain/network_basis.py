"""Which facts of the catalog the communication of a step rests on: link rates, and the library's constants.

A collective that the library does by one algorithm and protocol rests on that protocol's latencies, its share of the
bandwidth, and the share that what moves the bytes reaches, inside the scale-up domain and over the network.
"""

from __future__ import annotations

from collections.abc import Iterator

from weft.catalog import Catalog, Part
from weft.collectives.library import library_for, load_library
from weft.collectives.model import Choice, choose
from weft.engines.step import StepRun
from weft.explain.basis import Citation, cite
from weft.fabric import Fabric
from weft.fabric.tables import Domain
from weft.workload.program import Category, Communication

_DEVICE = ("launch_{p}_us", "hop_{p}_us", "tree_hop_{p}_us", "{p}_frac", "tree_{p}_frac", "fill_x", "fill_cap_x")
_SWITCHED = ("switch_launch_us", "switch_rank_us", "skew_x", "switch_fill_cap_x")
_TRANSPORT = ("hop_{p}_us", "tree_hop_{p}_us", "{p}_frac", "fill_x", "post_{p}_us")
_PEERS = ("peer_us", "peers_local_x", "peer_nics_count")
_RATES = ("scale_up_gBps_uni", "port_gbps")


def network_basis(run: StepRun, fabric: Fabric, category: Category) -> tuple[Citation, ...]:
    """The facts that the communication of a category rests on."""
    found: dict[tuple[str, str, str], Citation] = {}
    for communication in _of(run, category):
        for each in _facts(fabric, communication):
            found.setdefault((each.kind, each.part, each.fact), each)
    return tuple(found.values())


def kinds_of(run: StepRun, category: Category) -> tuple[str, ...]:
    """The kinds of communication that a category is made of."""
    return tuple(sorted({each.kind for each in _of(run, category)}))


def _of(run: StepRun, category: Category) -> list[Communication]:
    program = run.execution.program
    pairs = zip(program.communication, program.category, strict=True)
    return [program.communications[index] for index in sorted({c for c, kind in pairs if c >= 0 and kind == category})]


def _facts(fabric: Fabric, communication: Communication) -> Iterator[Citation]:
    catalog = fabric.catalog
    library = load_library(library_for(fabric.accelerator), catalog)
    group = fabric.group(communication.ranks)
    if group.ranks == 1:
        return
    choice = choose(communication.kind, communication.size_bytes, group, library=library)
    levels = [index for stage in choice.cost.stages for index, load in enumerate(stage.load) if load]
    parts = [part for part in catalog.parts("libraries") if part.text("library") == library.name]
    if 0 in levels:
        yield from _rate(fabric, Domain.SCALE_UP)
        yield from cite(catalog, _matching(parts, "accelerators", group.accelerator), _device_facts(choice))
    for protocol in dict.fromkeys(group.levels[index].protocol for index in levels if index):
        yield from _rate(fabric, Domain.SCALE_OUT)
        yield from _link(catalog, protocol)
        yield from cite(catalog, _matching(parts, "networks", protocol), _transport_facts(choice))


def _device_facts(choice: Choice) -> list[str]:
    moves = _moves(choice, inside=True)
    names = [*_SWITCHED] if "multicast" in moves else [name.format(p=choice.protocol.lower()) for name in _DEVICE]
    names = [name for name in names if "tree" in moves or not name.startswith("tree_")]
    return names + [f"{how}_frac" for how in moves] + (list(_PEERS) if "peers" in moves else [])


def _transport_facts(choice: Choice) -> list[str]:
    moves = _moves(choice, inside=False)
    names = [name.format(p=choice.protocol.lower()) for name in _TRANSPORT]
    names = [name for name in names if "tree" in moves or not name.startswith("tree_")]
    return names + [f"{how}_frac" for how in moves] + (list(_PEERS) if "peers" in moves else [])


def _moves(choice: Choice, *, inside: bool) -> list[str]:
    """What moves the bytes inside the scale-up domain, or outside it."""
    found = [
        how
        for stage in choice.cost.stages
        for index, (how, load) in enumerate(zip(stage.how, stage.load, strict=True))
        if load and (index == 0) == inside
    ]
    return list(dict.fromkeys(found))


def _rate(fabric: Fabric, domain: Domain) -> Iterator[Citation]:
    """The published rate of an accelerator's scale-up links, or of a NIC's port."""
    part = fabric.plan.accelerator if domain == Domain.SCALE_UP else fabric.plan.nic
    if part is not None:
        yield from cite(fabric.catalog, part, _RATES)


def _link(catalog: Catalog, protocol: str) -> Iterator[Citation]:
    known = {part.id: part for part in catalog.parts("protocols")}
    if protocol in known:
        yield from cite(catalog, known[protocol], ("port_gbps", "gpu_gBps_uni"))


def _matching(parts: list[Part], field: str, wanted: str) -> Part:
    """The library's part for an accelerator or a protocol: the longest beginning that fits, else the one for others."""
    words = {
        "" if word == "other" else word: part for part in parts for word in (part.text(field) or "").split() if word
    }
    return words[max((word for word in words if wanted.startswith(word)), key=len)]
