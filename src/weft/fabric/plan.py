"""A cluster file with every blank filled from the catalog: what the builder and the topologies read."""

from __future__ import annotations

import re
from dataclasses import dataclass

from weft.catalog import Catalog, Part, load_catalog
from weft.errors import ConfigError
from weft.fabric.lookup import named_part
from weft.fabric.scale_up import ScaleUpPlan, plan_scale_up
from weft.fabric.spec import Cluster, Node

# Used where the catalog gives no RDMA latency for a NIC: half a round trip, back to back, as for the ConnectX-6 and -7.
TYPICAL_NIC_LATENCY_S = 1e-6
_NVIDIA_NICS = ("cx5", "cx6", "cx7", "cx8")


@dataclass(frozen=True)
class Plan:
    """A cluster, resolved.

    Attributes:
        cluster: as the user wrote it.
        catalog: with the user's overlays.
        system: catalog system of a node; None where only an accelerator was named and no system matches.
        accelerator: catalog accelerator.
        per_node: accelerators per node.
        scale_up: the network inside the node.
        nic: catalog NIC; None where a node has none.
        nics: scale-out NICs per node.
        nic_rate_Bps: rate of one NIC, one way.
        nic_latency_s: one-way latency from a host's memory to another's through two NICs and no switch.
        host_protocol: catalog id of the PCIe generation between accelerator and NIC.
        host_rate_Bps: its rate, one way.
    """

    cluster: Cluster
    catalog: Catalog
    system: Part | None
    accelerator: Part
    per_node: int
    scale_up: ScaleUpPlan
    nic: Part | None
    nics: int
    nic_rate_Bps: float
    nic_latency_s: float
    host_protocol: str
    host_rate_Bps: float

    @property
    def nodes(self) -> int:
        """Number of nodes."""
        return self.cluster.nodes

    @property
    def accelerators(self) -> int:
        """Number of accelerators in the cluster."""
        return self.nodes * self.per_node

    @property
    def endpoints(self) -> int:
        """Number of scale-out ports of hosts: every node's NICs."""
        return self.nodes * self.nics


def resolve(cluster: Cluster) -> Plan:
    """Fill every blank of a cluster file from the catalog.

    Raises:
        UnknownName: a part id is not in the catalog.
        ConfigError: a blank cannot be filled; names the field.
    """
    catalog = load_catalog(*(cluster.folder / path for path in cluster.catalog))
    node = cluster.node
    system = named_part(catalog, "systems", node.system, "node.system") if node.system else None
    accelerator = _accelerator(catalog, node, system)
    _check_is_node(system, accelerator)
    per_node = node.accelerators or _count(system, "accelerators") or int(accelerator.si("scale_up_domain"))
    if system is None:
        system = _matching_system(catalog, accelerator, per_node)
    nic, nics = _nics(catalog, cluster, system, accelerator, per_node)
    host = _pcie_of(catalog, nic)
    return Plan(
        cluster=cluster,
        catalog=catalog,
        system=system,
        accelerator=accelerator,
        per_node=per_node,
        scale_up=plan_scale_up(node.scale_up, catalog, system, accelerator, per_node, host),
        nic=nic,
        nics=nics,
        nic_rate_Bps=nic.si("port_gbps") if nic else 0.0,
        nic_latency_s=nic.si("latency_ns") if nic and nic.has("latency_ns") else TYPICAL_NIC_LATENCY_S,
        host_protocol=host.id,
        host_rate_Bps=host.si("x16_gBps_uni"),
    )


def _accelerator(catalog: Catalog, node: Node, system: Part | None) -> Part:
    if node.accelerator:
        return named_part(catalog, "accelerators", node.accelerator, "node.accelerator")
    name = system.text("accelerator") if system else None
    if name is None:
        what = f"the system {system.id} does not say its accelerator; " if system else ""
        raise ConfigError(
            what + "name one, such as accelerator: h100_sxm, or a system: dgx_h100",
            field="node.accelerator",
        )
    return catalog.get("accelerators", name)


def _check_is_node(system: Part | None, accelerator: Part) -> None:
    """Refuse an entry that describes a whole cluster where a node is meant."""
    if system is None or system.text("scale_up_kind") or not accelerator.has("scale_up_domain"):
        return
    count, domain = _count(system, "accelerators"), int(accelerator.si("scale_up_domain"))
    if count and count > domain:
        raise ConfigError(
            f"{system.id} is a cluster of {count} accelerators, not a node; {accelerator.id} has up to {domain} in one",
            field="node.system",
        )


def _count(part: Part | None, name: str) -> int | None:
    return int(part.si(name)) if part and part.has(name) else None


def _matching_system(catalog: Catalog, accelerator: Part, per_node: int) -> Part | None:
    """Find the catalog's system with this accelerator and count, for what was left out (price, power, switches)."""
    for system in catalog.parts("systems"):
        if system.text("accelerator") == accelerator.id and _count(system, "accelerators") == per_node:
            return system
    return None


def _nics(
    catalog: Catalog, cluster: Cluster, system: Part | None, accelerator: Part, per_node: int
) -> tuple[Part | None, int]:
    """Return the NIC and how many a node has: as written, else to carry the system's or the accelerator's bandwidth."""
    node = cluster.node
    alone = cluster.scale_out is None or cluster.scale_out.get("topology") == "none"
    if node.nics == 0 or (alone and node.nic is None and node.nics is None):
        return None, 0
    usual = system.text("nic") if system else None
    if usual and system and system.has("nics"):
        default = catalog.get("nics", usual)
        systems = max(1.0, per_node / (_count(system, "accelerators") or per_node))  # a domain of several racks
        node_Bps = system.si("nics") * default.si("port_gbps") * systems
    else:
        each_Bps = accelerator.si("scale_out_gbps") if accelerator.has("scale_out_gbps") else 50e9
        default = _nic_of_rate(catalog, each_Bps)
        node_Bps = per_node * each_Bps
    nic = named_part(catalog, "nics", node.nic, "node.nic") if node.nic else default
    return nic, node.nics or max(1, round(node_Bps / nic.si("port_gbps")))


def _nic_of_rate(catalog: Catalog, rate_Bps: float) -> Part:
    """Return the fastest ConnectX that is not faster than ``rate_Bps``; the slowest if all are."""
    nics = [catalog.get("nics", name) for name in _NVIDIA_NICS]
    slower = [nic for nic in nics if nic.si("port_gbps") <= rate_Bps * (1 + 1e-9)]
    return (slower or nics)[-1 if slower else 0]


def _pcie_of(catalog: Catalog, nic: Part | None) -> Part:
    """Return the PCIe generation a NIC speaks, Gen5 where it does not say."""
    found = re.search(r"Gen\d?/?(\d)", (nic.text("pcie") or "") if nic else "")
    return catalog.get("protocols", f"pcie{found[1] if found else 5}")
