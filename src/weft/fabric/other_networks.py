"""The front-end and storage networks: built like the compute network, beside it, and never mixed with it.

Each has NICs of its own in every node, and servers of its own where there are some. Its switches stand inside the place
named after it (``storage0/leaf3``), and its cables are of its own domain. Nodes stay in the pods and units that the
compute network gave them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import Field, ValidationError

from weft.catalog import Part
from weft.errors import ConfigError, InfeasibleError
from weft.fabric.builder import GraphBuilder
from weft.fabric.lookup import named_part
from weft.fabric.plan import TYPICAL_NIC_LATENCY_S, Plan
from weft.fabric.scale_out import ScaleOut
from weft.fabric.tables import Domain, Kind
from weft.files import Strict, explain

Wire = Callable[[GraphBuilder, Plan, npt.NDArray[np.int32], dict[str, Any]], ScaleOut]

KINDS = {"front_end": (Kind.FRONT_END, Domain.FRONT_END), "storage": (Kind.STORAGE, Domain.STORAGE)}
USUAL_NIC = "bf3_dpu"


class Hosts(Strict):
    """What hangs on a front-end or storage network; written beside its topology."""

    nic: str = Field(USUAL_NIC, description="catalog NIC id of this network's NICs")
    nics: int | None = Field(None, gt=0, le=64, description="NICs per node; default: the system's storage NICs, else 1")
    servers: int = Field(0, ge=0, le=1_000_000, description="servers of this network beside the nodes")


@dataclass(frozen=True)
class OtherNetwork:
    """A built front-end or storage network.

    Attributes:
        name: ``front_end`` or ``storage``.
        domain: of its links.
        network: its tiers.
        rows: its first node row, and the one after its last.
        endpoints: its NICs, those of servers included.
        servers: hosts that are only on it.
    """

    name: str
    domain: Domain
    network: ScaleOut
    rows: tuple[int, int]
    endpoints: int
    servers: int


def wire_others(graph: GraphBuilder, plan: Plan, wire: Wire) -> tuple[OtherNetwork, ...]:
    """Add the networks that the cluster names beside the compute network.

    Raises:
        UnknownName, ConfigError: a part or an option is wrong; names the field under the network's own.
        InfeasibleError: it does not fit its switches.
    """
    hosts, first_nic = graph.hosts, plan.nics
    graph.moves_hosts = False
    built = []
    for name in KINDS:
        written = getattr(plan.cluster, name)
        if written is None:
            continue
        options, asked = _parted(dict(written), name)
        nic, nics = _nics(plan, asked, name)
        built.append(_wire(graph, plan, name, options, asked, nic, nics, hosts, first_nic, wire))
        first_nic += nics
    graph.domain, graph.root, graph.hosts = Domain.SCALE_OUT, -1, hosts
    return tuple(built)


def _parted(written: dict[str, Any], name: str) -> tuple[dict[str, Any], Hosts]:
    """Part a network's hosts from its topology's options."""
    own = {key: written.pop(key) for key in Hosts.model_fields if key in written}
    try:
        return written, Hosts.model_validate(own)
    except ValidationError as error:
        problem = explain(error, Hosts, None, own)
        problem.field = f"{name}.{problem.field}"
        raise problem from None


def _nics(plan: Plan, asked: Hosts, name: str) -> tuple[Part, int]:
    usual = int(plan.system.si("storage_nics")) if plan.system and plan.system.has("storage_nics") else 1
    return named_part(plan.catalog, "nics", asked.nic, f"{name}.nic"), asked.nics or usual


def _wire(
    graph: GraphBuilder,
    plan: Plan,
    name: str,
    options: dict[str, Any],
    asked: Hosts,
    nic: Part,
    nics: int,
    hosts: npt.NDArray[np.int32],
    first_nic: int,
    wire: Wire,
) -> OtherNetwork:
    kind, domain = KINDS[name]
    graph.domain, graph.root = domain, -1
    place = int(graph.nodes(kind, 1)[0])
    graph.root = place
    servers = graph.nodes(Kind.SERVER, asked.servers)
    graph.hosts = np.concatenate([hosts, servers])
    number = np.arange(nics)
    ports = graph.nodes(
        Kind.NIC,
        len(graph.hosts) * nics,
        part=nic,
        parent=np.repeat(graph.hosts, nics),
        ordinal=np.concatenate([np.tile(first_nic + number, len(hosts)), np.tile(number, asked.servers)]),
        rail=np.tile(number, len(graph.hosts)),
    ).reshape(-1, nics)
    here = replace(
        plan,
        cluster=plan.cluster.model_copy(update={"nodes": len(graph.hosts)}),
        nic=nic,
        nics=nics,
        nic_rate_Bps=nic.si("port_gbps"),
        nic_latency_s=nic.si("latency_ns") if nic.has("latency_ns") else TYPICAL_NIC_LATENCY_S,
    )
    try:
        network = wire(graph, here, ports, options)
    except ConfigError as error:
        error.field = (error.field or "").replace("scale_out", name, 1).replace("node.", f"{name}.", 1) or name
        raise
    except InfeasibleError as error:
        raise InfeasibleError(str(error).replace("scale_out", name)) from None
    return OtherNetwork(name, domain, network, (place, graph.size), ports.size, asked.servers)
