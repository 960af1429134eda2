"""From accelerator to accelerator: the whole way of a flow, and what it shares with others.

Inside a scale-up domain a flow stays there. Between domains it leaves by its accelerator's NICs, crosses the network as
the routing policy says, and comes in by the NICs of the other; `weft.routing.legs` says by which, and when traffic
changes rails first. Switches are ends as well, for reductions inside the network. What is down is not used: routing has
converged. Complexity: linear in links to prepare, in entries to route; 131,072 flows take well under a second.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from weft.errors import ConfigError
from weft.fabric.checks.graph import components
from weft.fabric.fabric import Fabric
from weft.fabric.routing_options import Routing
from weft.fabric.tables import FloatArray, IntArray, Kind
from weft.routing.clos_tables import find_clos
from weft.routing.hashing import Hashing
from weft.routing.host_ports import host_ports
from weft.routing.legs import Legs, ends, make_legs
from weft.routing.paths import Paths, joined, of_matrix
from weft.routing.policies import Network, hashed_paths, make_policy
from weft.routing.resources import ResourceBuilder, Resources, link_state
from weft.routing.scale_up import ScaleUpRoutes
from weft.routing.shortest import ShortestPaths
from weft.routing.switch_graph import switch_graph

_OTHER_SITE = 3  # tiers, as ports meet: higher than any within a site


class Router:
    """Routes flows over a fabric in one state. Make one with `make_router`.

    Attributes:
        fabric: the fabric.
        routing: what was asked for.
        graph: its switches and the live links between them.
        resources: what paths refer to.
    """

    def __init__(self, fabric: Fabric, routing: Routing, capacity_Bps: FloatArray, latency_s: FloatArray) -> None:
        self.fabric, self.routing = fabric, routing
        nodes = fabric.nodes
        self.graph = switch_graph(fabric, capacity_Bps, latency_s)
        self._hashing = Hashing(routing.seed, routing.polarised)
        builder = ResourceBuilder(fabric, capacity_Bps, latency_s)
        self._rows = fabric.rows(Kind.ACCELERATOR)
        self._accelerator = np.full(len(nodes), -1, np.int32)
        self._accelerator[self._rows] = np.arange(fabric.accelerators)
        self._scale_up = ScaleUpRoutes(
            fabric, self._accelerator, builder, lambda graph: ShortestPaths("minimal", graph, self._hashing)
        )
        self._domain = self._domains()
        self._clos = find_clos(fabric, self.graph, capacity_Bps)
        self._policy = make_policy(Network(fabric, routing, self.graph, self._clos, self._hashing), builder)
        self._ports = host_ports(fabric, self.graph, self._accelerator, capacity_Bps)
        self._island: IntArray | None = None
        self.resources: Resources = builder.finish()

    def route(self, src: IntArray, dst: IntArray, keys: IntArray | None = None) -> Paths:
        """Return the paths of a batch of flows.

        Args:
            src, dst: int[flows], node rows: accelerators, scale-up switches (one stands for all of its domain) or
                switches of the compute network.
            keys: int[flows], what tells connections between the same two ends apart; default 0.

        Raises:
            ConfigError: a row is no such node, or the columns differ in length.
        """
        legs, target = self.legs(src, dst, keys)
        within = self._scale_up.between(np.asarray(src, np.int32)[legs.flow], target, legs.key)
        return self._joined(len(src), legs, within, self._across(legs))

    def legs(self, src: IntArray, dst: IntArray, keys: IntArray | None = None) -> tuple[Legs, npt.NDArray[np.int32]]:
        """Return the parts of flows from port to port, and what each does inside the source's domain.

        Args:
            src, dst, keys: as in `route`.

        Returns:
            The parts, and int32[legs], the node row to which each goes inside the domain: all of its way, or the way to
            the accelerator it leaves by; the source's own where it goes nowhere.
        """
        src, dst = self._checked(src), self._checked(dst)
        connection = np.zeros(len(src), np.int64) if keys is None else np.asarray(keys)
        if not len(src) == len(dst) == len(connection):
            raise ConfigError(f"{len(src)} sources, {len(dst)} destinations and {len(connection)} keys do not match")
        key = self._hashing.keys(src, dst, connection)
        near = self._domain[src]
        inside = (src == dst) | ((near >= 0) & (near == self._domain[dst]))
        legs = self._legs(src, dst, key, inside)
        target = np.where(inside[legs.flow], dst[legs.flow], src[legs.flow])
        relayed = legs.via >= 0
        target[relayed] = self._rows[legs.via[relayed]]
        return legs, target.astype(np.int32)

    def _legs(self, src: IntArray, dst: IntArray, key: npt.NDArray[np.uint64], inside: npt.NDArray[np.bool_]) -> Legs:
        """Return the legs of all flows; flows inside a domain have one that meets no port."""
        rest = np.flatnonzero(~inside)
        a, b = self._accelerator[src[rest]], self._accelerator[dst[rest]]
        per_node = self.fabric.plan.per_node
        relay = np.where((a >= 0) & (b >= 0), a // per_node * per_node + b % per_node, -1)
        rail = self.fabric.nodes.rail
        if self._scale_up.kind == "none":
            relay[:] = -1
        elif self.routing.pxn == "always":
            relay[rail[src[rest]] == rail[dst[rest]]] = -1
        relay[relay == a] = -1
        legs = make_legs(
            ends(self._ports, a, self.graph.number[src[rest]], out=True),
            ends(self._ports, b, self.graph.number[dst[rest]], out=False),
            relay,
            self._ports,
            key[rest],
            self._meet,
            self.routing.pxn,
            self._hashing,
            hashed_paths(self.routing),
        )
        own = np.flatnonzero(inside)
        flow = np.concatenate([rest[legs.flow], own])
        order = np.argsort(flow, kind="stable")
        none, nowhere = np.full((len(own), 2), -1, np.int32), np.zeros(len(own), np.int32)

        return Legs(
            flow[order],
            np.concatenate([legs.share, np.ones(len(own))])[order],
            np.concatenate([legs.key, key[own]])[order],
            np.concatenate([legs.src, nowhere])[order],
            np.concatenate([legs.dst, nowhere])[order],
            np.concatenate([legs.out, none])[order],
            np.concatenate([legs.into, none])[order],
            np.concatenate([legs.via, np.full(len(own), -1)])[order],
        )

    def _across(self, legs: Legs) -> Paths:
        """Return the part of each leg between switches."""
        apart = legs.src != legs.dst
        crossing, same = np.flatnonzero(apart), np.flatnonzero(~apart)
        paths = self._policy.between(legs.src[crossing], legs.dst[crossing], legs.key[crossing])
        if not len(same):
            return paths
        nothing = of_matrix(np.empty((len(same), 0), np.int32), np.ones(len(same), bool))
        return joined(len(apart), [(crossing, paths), (same, nothing)])

    def _joined(self, flows: int, legs: Legs, within: Paths, across: Paths) -> Paths:
        from weft.routing.assemble_kernels import assemble

        indptr, resource, share, reachable = assemble(
            legs.flow,
            legs.share,
            within.reachable & across.reachable,
            (within.indptr, within.resource, within.share),
            legs.out,
            (across.indptr, across.resource, across.share),
            legs.into,
            flows,
            len(self.resources),
        )
        flow = np.repeat(np.arange(flows), np.diff(indptr))
        latency_s = np.bincount(flow, share * self.resources.latency_s[resource], minlength=flows)
        return Paths(indptr, resource, share, latency_s.astype(np.float64), reachable)

    def _meet(self, a: npt.NDArray[np.int32], b: npt.NDArray[np.int32]) -> npt.NDArray[np.int8]:
        """Return how many tiers above two switches they meet; -1 for never. Networks without tiers have one."""
        height = np.where(a == b, 0, np.where(self._islands[a] == self._islands[b], 1, -1)).astype(np.int8)
        if self._clos is not None:
            from weft.routing.clos_kernels import heights

            leaf_a, leaf_b = self._clos.leaf[a], self._clos.leaf[b]
            both = (leaf_a >= 0) & (leaf_b >= 0)
            found = heights(self._clos, leaf_a[both], leaf_b[both])
            other_site = (found < 0) & (self._clos.island[a[both]] != self._clos.island[b[both]])
            height[both] = np.where(other_site & (height[both] > 0), _OTHER_SITE, found)
        return height

    @property
    def _islands(self) -> IntArray:
        """Which switches live links join, int64[switches]."""
        if self._island is None:
            tail = np.repeat(np.arange(len(self.graph)), np.diff(self.graph.indptr))
            self._island = components(tail, self.graph.head.astype(np.int64), len(self.graph))
        return self._island

    def _domains(self) -> npt.NDArray[np.int32]:
        """Return the scale-up domain of each node row, int32[nodes]; -1 for those in none."""
        nodes, fabric = self.fabric.nodes, self.fabric
        domain = np.full(len(nodes), -1, np.int32)
        if self._scale_up.kind == "none":
            return domain
        domain[self._rows] = np.arange(fabric.accelerators) // fabric.plan.per_node
        hosts = np.full(len(nodes), -1, np.int32)
        hosts[fabric.rows(Kind.HOST)] = np.arange(fabric.plan.nodes)
        switches = fabric.rows(Kind.SCALE_UP_SWITCH)
        domain[switches] = hosts[nodes.parent[switches]]
        return domain

    def _checked(self, rows: IntArray) -> npt.NDArray[np.int32]:
        asked = np.asarray(rows)
        if asked.ndim != 1 or not (np.issubdtype(asked.dtype, np.integer) or not len(asked)):
            raise ConfigError("ends of flows are a list of node rows", field="rows")
        if len(asked) and (asked.min() < 0 or asked.max() >= len(self.fabric.nodes)):
            raise ConfigError(f"node rows are 0 to {len(self.fabric.nodes) - 1}", field="rows")
        found = asked.astype(np.int32)
        wrong = (self._accelerator[found] < 0) & (self.graph.number[found] < 0)
        wrong &= self.fabric.nodes.kind[found] != Kind.SCALE_UP_SWITCH
        if wrong.any():
            name = self.fabric.node_name(int(found[wrong.argmax()]))
            raise ConfigError(f"flows go between accelerators and switches; {name} is neither", field="rows")
        return found


def make_router(
    fabric: Fabric,
    routing: Routing | None = None,
    *,
    alive: npt.NDArray[np.bool_] | None = None,
    rate_x: FloatArray | None = None,
) -> Router:
    """Return a router for a fabric in one state.

    Args:
        fabric: the fabric.
        routing: how flows are routed; default: as the cluster file says.
        alive: bool[links], False for links that are down and that routing knows to be.
        rate_x: float64[links], part of a link's rate that is there.

    Raises:
        ConfigError: a policy that does not go with the network, a wrong file of paths, arrays of the wrong length.
    """
    capacity_Bps, latency_s = link_state(fabric, alive, rate_x)
    return Router(fabric, fabric.plan.cluster.routing if routing is None else routing, capacity_Bps, latency_s)
