"""What a link plugs into: the cages of switches and hosts. Cages are real: one may serve several links."""

from __future__ import annotations

from dataclasses import dataclass

from weft.catalog import Part
from weft.fabric.hardware import switch_ports
from weft.fabric.plan import Plan


@dataclass(frozen=True, slots=True)
class End:
    """One end of a class of links.

    Attributes:
        cages: cages of one device (switch or host); 0 where there are none.
        cage_Bps: what one cage carries, one way.
        crowded: the device has more links than cages, so that every cage must serve as many as it can.
        form: ``cage``; ``cpo`` where the optics are inside the switch; ``fibre`` where light passes through (OCS).
        is_host: a NIC's end.
    """

    cages: int
    cage_Bps: float
    crowded: bool = False
    form: str = "cage"
    is_host: bool = False

    def share(self, rate_Bps: float, module_Bps: float) -> int:
        """Return how many links of a rate one cage serves with a module of a rate; 0 if the module is too slow."""
        return int(min(self.cage_Bps, module_Bps) / rate_Bps + 1e-9) or int(module_Bps >= rate_Bps * (1 - 1e-9))

    def needed_share(self, rate_Bps: float) -> int:
        """Return how many links of a rate every cage must serve."""
        return max(1, int(self.cage_Bps / rate_Bps + 1e-9)) if self.crowded else 1


def switch_end(switch: Part | None, rate_Bps: float, links: int) -> End:
    """Return the end of ``links`` links in all at one switch, of which those meant here run at ``rate_Bps``."""
    if switch is None:
        return End(links, rate_Bps)
    if switch.kind == "ocs":
        return End(0, rate_Bps, form="fibre")
    if switch.text("form") == "system_cpo":
        return End(0, rate_Bps, form="cpo")
    if switch.has("cages_count"):
        cages, cage_Bps = int(switch.si("cages_count")), switch.si("cage_gbps")
    elif switch.has("ports_count") and switch.has("port_rate_gbps"):
        cages, cage_Bps = int(switch.si("ports_count")), switch.si("port_rate_gbps")
    else:
        cages, cage_Bps = switch_ports(switch, rate_Bps) or links, rate_Bps
    return End(cages, max(cage_Bps, rate_Bps), crowded=links > cages)


def host_end(plan: Plan, rate_Bps: float, links: int) -> End:
    """Return the end of ``links`` links at one host: the system's cages, else one a NIC."""
    system = plan.system
    if system and system.has("nic_cages_count") and system.has("nics") and int(system.si("nics")) == plan.nics:
        cages, cage_Bps = int(system.si("nic_cages_count")), system.si("nic_cage_gbps")
    else:
        cages, cage_Bps = plan.nics, plan.nic_rate_Bps
    return End(cages, max(cage_Bps, rate_Bps), crowded=links > cages, is_host=True)
