"""Which policy goes with which network: the one place that knows their names.

| policy | folded Clos |
|---|---|
| adaptive, minimal | evenly over all ways |
| spray | the same; with ``weighted: false`` obliviously |
| ecmp, flowlet | hashed, hop by hop |
| static | from a file, else as ecmp |

Other networks: `weft.routing.direct_policies`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Literal

from weft.errors import ConfigError
from weft.fabric.fabric import Fabric
from weft.fabric.routing_options import Routing
from weft.routing.clos import Clos, How, add_bundles
from weft.routing.clos_tables import ClosTables
from weft.routing.direct_policies import DirectPolicies
from weft.routing.hashing import Hashing
from weft.routing.policy import Policy
from weft.routing.resources import ResourceBuilder
from weft.routing.shortest import ShortestPaths
from weft.routing.static import Static
from weft.routing.switch_graph import SwitchGraph
from weft.routing.trunks import Trunks

_HASHED = ("ecmp", "flowlet", "static")
_CLOS = ("adaptive", "spray", "ecmp", "flowlet", "minimal", "static")


@dataclass(frozen=True)
class Network:
    """What a policy is made from."""

    fabric: Fabric
    routing: Routing
    graph: SwitchGraph
    clos: ClosTables | None
    hashing: Hashing


def hashed_paths(routing: Routing) -> int:
    """Return how many paths of a flow are hashed each by itself; 0 where it is spread evenly."""
    if routing.policy not in _HASHED:
        return 0
    return routing.queue_pairs * (routing.flowlets if routing.policy == "flowlet" else 1)


def make_policy(network: Network, resources: ResourceBuilder) -> Policy:
    """Return the policy that a user named.

    Raises:
        ConfigError: it does not go with the network, or engineered paths are not named.
    """
    routing = network.routing
    if (routing.paths is None) == (routing.policy == "static"):
        what = "names no file of paths" if routing.policy == "static" else "has no use for a file of paths"
        raise ConfigError(f"policy {routing.policy} {what}", field="routing.paths")
    if routing.policy == "static":
        path = network.fabric.plan.cluster.folder / str(routing.paths)
        return Static(network.fabric, network.graph, path, _named("ecmp", network, resources))
    return _named(routing.policy, network, resources)


def _named(name: str, network: Network, resources: ResourceBuilder) -> Policy:
    if network.clos is None:
        return DirectPolicies(network.fabric, network.routing, network.graph, network.hashing).make(name)
    if name not in _CLOS:
        raise ConfigError(
            f"{name} is for direct networks; for {network.fabric.network.topology} choose {', '.join(_CLOS)}",
            field="routing.policy",
        )
    weighted = network.routing.weighted
    how: How = "hashed" if name in _HASHED else "oblivious" if name == "spray" and not weighted else "even"
    rows = add_bundles(network.clos, how, resources)
    otherwise = cache(lambda: _shortest(name, network))
    trunks = Trunks(network.fabric, network.graph, network.clos, resources)
    return Clos(name, network.clos, network.hashing, weighted, how, otherwise, trunks, rows)


def _shortest(name: str, network: Network) -> Policy:
    """Return the policy for any network: shortest paths."""
    how: Literal["hashed", "even"] = "hashed" if name in _HASHED else "even"
    return ShortestPaths(name, network.graph, network.hashing, how, network.routing.weighted)
