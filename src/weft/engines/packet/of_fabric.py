"""A fabric as the network that packets cross.

A host of the packet network is a port into it: one for each cable from a NIC to a switch (so one a side of a NIC, and
one for all accelerators that share it), and one for each accelerator into its scale-up domain. PCIe between accelerator
and NIC is part of the port: the lower rate, both latencies. The parallel switches of a scale-up domain are one switch
here, as an accelerator stripes its traffic over all of them; its port has their links' rates together. In a mesh or
torus of accelerators each is a switch that forwards. Where switches reduce, a host that is as fast as all that leads to
the switch stands for the part that adds.

Switches are numbered as the routing's graph has them, scale-up domains after them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from weft.engines.packet.network import PacketNetwork, Reference
from weft.engines.packet.ports_of_fabric import Parts, parts_of
from weft.engines.packet.table_kernels import FAR
from weft.engines.packet.transport import Transport
from weft.errors import ConfigError
from weft.fabric import Fabric
from weft.fabric.routing_options import Routing
from weft.fabric.tables import FloatArray, IntArray
from weft.routing.legs import Legs
from weft.routing.resources import link_state
from weft.routing.router import Router, make_router

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Pairs:
    """Parts of flows, each from one port to one port.

    Attributes:
        flow: int64[parts], ascending.
        share: float64[parts] of its flow.
        src, dst: int64[parts], hosts of the packet network.
        inside: bool[parts], within a scale-up domain.
        lost: int64, flows that no way is known for.
    """

    flow: Ints
    share: FloatArray
    src: Ints
    dst: Ints
    inside: npt.NDArray[np.bool_]
    lost: Ints


@dataclass(frozen=True)
class FabricNetwork:
    """A fabric as packets see it. Make one with `of_fabric`.

    Attributes:
        fabric, routing: what it was made from.
        network: for simulations.
        parts: which port is which link of the fabric.
    """

    fabric: Fabric
    routing: Routing
    network: PacketNetwork
    parts: Parts

    def router(self, known_x: FloatArray | None = None) -> Router:
        """Return what chooses the ports of flows, where so much of each link's rate is left, as far as is known."""
        alive = None if known_x is None else known_x > 0
        return make_router(self.fabric, self.routing, alive=alive, rate_x=known_x)

    def pairs(self, router: Router, src: IntArray, dst: IntArray, keys: IntArray | None = None) -> Pairs:
        """Return the ports that flows go between: the same rules as `weft.routing.router` has.

        Args:
            router: of the network as it is known to be.
            src, dst: int[flows], node rows: accelerators, or switches that reduce.
            keys: int[flows], what tells connections between the same ends apart.
        """
        legs, turn = router.legs(src, dst, keys)
        rows = np.asarray(src)[legs.flow]
        within = np.flatnonzero(turn != rows)
        across = np.flatnonzero((legs.out >= 0).any(axis=1) | (legs.into >= 0).any(axis=1) | (legs.src != legs.dst))
        parts = self.parts
        out, into = self._ends(legs, across, router)
        flow = np.concatenate([legs.flow[within], legs.flow[across]])
        order = np.argsort(flow, kind="stable")
        a = np.concatenate([parts.inside_of(rows[within]), out])[order]
        b = np.concatenate([parts.inside_of(turn[within]), into])[order]
        moved = np.zeros(len(src), bool)
        moved[flow] = True
        apart = np.asarray(src) != np.asarray(dst)
        return Pairs(
            flow[order],
            np.concatenate([legs.share[within], legs.share[across]])[order],
            a,
            b,
            (np.arange(len(flow)) < len(within))[order],
            np.flatnonzero(apart & ~moved),
        )

    def _ends(self, legs: Legs, some: Ints, router: Router) -> tuple[Ints, Ints]:
        """The ports that legs leave and enter by; those of the switches' own hosts where they begin or end there."""
        found = []
        for links, switch, cable in ((legs.out, legs.src, 1), (legs.into, legs.dst, 0)):
            link = np.where(links[some, cable] >= 0, links[some, cable], links[some, 1 - cable])
            host = self.parts.host_of_cable[link >> 1]
            found.append(np.where(link >= 0, host, self.parts.inside_of(router.graph.row[switch[some]])))
        return found[0].astype(np.int64), found[1].astype(np.int64)

    def latency_s(self, src: Ints, dst: Ints) -> FloatArray:
        """Return one-way latencies between hosts over the shortest ways, without queues, float64[pairs]."""
        return self._ways(src, dst)[0]

    def rtt_s(self, src: Ints, dst: Ints, transport: Transport) -> FloatArray:
        """Return round trips of a full packet and its answer between hosts, without queues, float64[pairs]."""
        latency_s, per_byte_s = self._ways(src, dst)
        return 2 * latency_s + per_byte_s * (transport.mtu_bytes + transport.control_bytes)

    def links_between(self, src: Ints, dst: Ints) -> Ints:
        """Return how many links the shortest ways between hosts have, int64[pairs]."""
        net = self.network
        edge = np.searchsorted(net.edge_switch, net.host_switch[dst])
        return net.tables().hops[net.host_switch[src], edge].astype(np.int64) + 2

    def _ways(self, src: Ints, dst: Ints) -> tuple[FloatArray, FloatArray]:
        """Latencies, and seconds a byte takes to be sent on all links of the way in turn."""
        net, hosts = self.network, self.network.hosts
        tables = net.tables()
        at, edge = net.host_switch[src].astype(np.int64), np.searchsorted(net.edge_switch, net.host_switch[dst])
        latency_s = net.latency_s[src] + net.latency_s[hosts + dst]
        per_byte_s = 1 / net.rate_Bps[src] + 1 / net.rate_Bps[hosts + dst]
        while True:
            hops = tables.hops[at, edge]
            moving = np.flatnonzero((hops > 0) & (hops < FAR))
            if not len(moving):
                return latency_s, per_byte_s
            port = tables.port[tables.row[tables.next_set[at[moving], edge[moving]], 0]]
            latency_s[moving] += net.latency_s[port]
            per_byte_s[moving] += 1 / net.rate_Bps[port]
            at[moving] = net.link_dst[port - 2 * hosts]


def of_fabric(fabric: Fabric, routing: Routing | None = None, *, reducers: IntArray | None = None) -> FabricNetwork:
    """Make a fabric's packet network, with all links as they were built.

    Args:
        fabric: the fabric.
        routing: how flows find their way; default: as the cluster file says.
        reducers: node rows of switches that flows end at; of scale-up switches one stands for its domain.

    Raises:
        ConfigError: a routing policy that packets cannot follow.
    """
    asked = fabric.plan.cluster.routing if routing is None else routing
    check_policy(asked)
    chosen = asked.model_copy(update={"flowlets": 1}) if asked.policy == "flowlet" else asked
    capacity_Bps, latency_s = link_state(fabric, None, None)
    adding = np.empty(0, np.int64) if reducers is None else np.asarray(reducers, np.int64)
    parts = parts_of(fabric, capacity_Bps, latency_s, adding)
    rate_Bps = parts.rates(capacity_Bps)
    bare = PacketNetwork(
        name=fabric.name,
        host_switch=parts.host_switch,
        link_src=parts.link_src,
        link_dst=parts.link_dst,
        rate_Bps=rate_Bps,
        latency_s=parts.latency_s,
        switch_names=parts.switch_names,
        host_names=parts.host_names,
        weighted=asked.weighted,
    )
    known = _reference(bare, parts)
    network = replace(bare, reference=known, buffer_x=_buffers(bare, parts, known))
    return FabricNetwork(fabric, chosen, network, parts)


def check_policy(routing: Routing) -> None:
    """Refuse what packets cannot follow.

    Raises:
        ConfigError: with what can be used instead.
    """
    if routing.policy in ("static", "dimension_order"):
        raise ConfigError(
            f"the packet engine has no {routing.policy} routing; use adaptive, spray, ecmp, flowlet, minimal, valiant "
            "or ugal, or the fluid engine",
            field="routing.policy",
        )


def transport_on(fabric: Fabric, routing: Routing, transport: Transport) -> Transport:
    """Return a transport that chooses paths as a routing policy says.

    ============  =====================================================================
    ecmp          a flow has one path; each switch hashes it
    spray         a flow uses many paths in turn; each switch hashes them
    adaptive      switches take the shortest of their queues for each packet; minimal the same in Clos networks
    minimal       in direct networks: shortest ways, in turn
    flowlet       switches take the shortest of their queues after each pause of a flow
    valiant, ugal by way of another switch: always, or where that is quicker
    ============  =====================================================================

    The routing's seed is added to the transport's: it draws all that is random.
    """
    check_policy(routing)
    direct = fabric.network.coordinates is not None
    policy = "spray" if routing.policy == "minimal" and direct else routing.policy
    sprays = transport.balance if transport.balance not in ("one_path", "flowlet") else "oblivious"
    changes: dict[str, dict[str, Any]] = {
        "ecmp": {"balance": "one_path", "switch_choice": "hashed"},
        "spray": {"balance": sprays, "switch_choice": "hashed"},
        "flowlet": {"balance": "one_path", "switch_choice": "flowlets"},
        "valiant": {"balance": sprays, "switch_choice": "hashed", "way": "valiant"},
        "ugal": {"balance": sprays, "switch_choice": "hashed", "way": "ugal"},
    }
    change = changes.get(policy, {"balance": "one_path", "switch_choice": "shortest_queue"})
    seed = (transport.seed + routing.seed) % (1 << 63)
    return replace(transport, **change, polarised=routing.polarised, seed=seed)


def _reference(net: PacketNetwork, parts: Parts) -> Reference:
    """The fastest port into the network and the longest way within a site; where there is none, inside a domain."""
    tables, edges, hosts = net.tables(), net.edge_switch, net.hosts
    edge_of = np.searchsorted(edges, net.host_switch)
    out, into = np.zeros(len(edges)), np.zeros(len(edges))
    np.maximum.at(out, edge_of, net.latency_s[:hosts])
    np.maximum.at(into, edge_of, net.latency_s[hosts : 2 * hosts])
    fastest = np.zeros(len(edges))
    np.maximum.at(fastest, edge_of[~parts.reducing], net.rate_Bps[:hosts][~parts.reducing])
    latency_s, hops, far = _between(net, parts)
    reach = tables.hops[edges] < FAR
    whole = np.where(reach, out[:, None] + latency_s + into[None, :], 0.0)
    network = edges < parts.switches_out
    own = network if (network & (fastest > 0)).any() else ~network
    near = reach & ~far & own[:, None] & own[None, :]
    widest = (2 * whole + 1e-6) * np.where(fastest > 0, fastest, 0.0)[:, None]
    links = int(hops[near].max(initial=0)) + 2
    return Reference(
        float(fastest[own].max(initial=1.0)),
        float(whole[near].max(initial=0.0)),
        links,
        float(widest.max(initial=0.0)),
        parts.switches_out if own is network else net.switches,
    )


def _between(net: PacketNetwork, parts: Parts) -> tuple[FloatArray, npt.NDArray[np.uint8], npt.NDArray[np.bool_]]:
    """Latency and links between edges along the shortest ways, and whether they are at different sites."""
    tables, edges = net.tables(), net.edge_switch
    at = np.repeat(edges[:, None], len(edges), axis=1).astype(np.int64)
    to = np.arange(len(edges))[None, :]
    latency_s, far = np.zeros(at.shape), np.zeros(at.shape, bool)
    while True:
        hops = tables.hops[at, to]
        moving = (hops > 0) & (hops < FAR)
        if not moving.any():
            return latency_s, tables.hops[edges], far
        port = tables.port[tables.row[tables.next_set[at, to][moving], 0]]
        latency_s[moving] += net.latency_s[port]
        far[moving] |= parts.long_haul[port - 2 * net.hosts]
        at[moving] = net.link_dst[port - 2 * net.hosts]


def _buffers(net: PacketNetwork, parts: Parts, reference: Reference) -> FloatArray:
    """Buffers by rate; before long links and inside domains by what is on the way there and back."""
    x = net.rate_Bps / reference.rate_Bps
    way_s = 2 * reference.latency_s
    long = np.concatenate([np.zeros(2 * net.hosts, bool), parts.long_haul])
    if way_s > 0:
        x[long] *= np.maximum(1.0, 4 * net.latency_s[long] / way_s)
    result: FloatArray = np.maximum(x, 0.25 if way_s > 0 else 1.0)
    return result
