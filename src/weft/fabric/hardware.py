"""What a scale-out network is made of, whatever its shape: host rate, protocol, switches and their ports."""

from __future__ import annotations

import re

from weft.catalog import Catalog, Part
from weft.errors import ConfigError, UnknownName
from weft.fabric.lookup import named_part
from weft.fabric.plan import Plan
from weft.units import format_rate

# Where the catalog gives neither the switch's nor the protocol's port-to-port latency.
TYPICAL_SWITCH_LATENCY_S = 7e-7
_PORTS = re.compile(r"(\d+)x(\d+(?:\.\d+)?)([GT])")
_SWITCHES = {  # protocol family -> (fastest port in Gb/s, catalog switch), slowest first
    "infiniband": ((200, "nv_qm8700"), (400, "nv_qm9700"), (800, "nv_q3400")),
    "ethernet": ((800, "arista_7060x6_64pe"), (1600, "arista_7060xe7_64ps")),
}


def host_rate_Bps(plan: Plan, asked: float | None) -> float:
    """Return the rate of a host port: as asked, else the NIC's.

    Raises:
        ConfigError: there is no NIC, or it is slower.
    """
    if plan.nic is None:
        raise ConfigError("the nodes have no NIC; set nic, or nics above 0", field="node.nics")
    rate_Bps = asked or plan.nic_rate_Bps
    if rate_Bps > plan.nic_rate_Bps * (1 + 1e-9):
        raise ConfigError(
            f"{format_rate(rate_Bps)} is more than a port of {plan.nic.name} gives, {format_rate(plan.nic_rate_Bps)}",
            field="scale_out.rate",
        )
    return rate_Bps


def find_protocol(catalog: Catalog, asked: str | None, switch: str, default: str, rate_Bps: float) -> Part:
    """Return the catalog protocol: by id, or of a family at a rate (the next faster where none has exactly that).

    Args:
        catalog: the parts.
        asked: a protocol id or a family; None to take the switch's, else the default.
        switch: catalog id of the switch that was asked for; empty for none.
        default: family where neither says.
        rate_Bps: of a host port.

    Raises:
        UnknownName: an unknown protocol or switch.
    """
    family = named_part(catalog, "switches", switch, "scale_out.switch").text("protocol") if switch else None
    asked = asked or family or default
    families = {"roce": "ethernet_roce", "ethernet": "ethernet_roce", "infiniband": "infiniband", "ib": "infiniband"}
    if asked not in families:
        try:
            return catalog.get("protocols", asked)
        except UnknownName as error:
            raise UnknownName("protocol", asked, [*families, *error.known], field="scale_out.protocol") from None
    known = [p for p in catalog.parts("protocols") if p.text("family") == families[asked] and p.has("port_gbps")]
    fast = [p for p in known if p.si("port_gbps") >= rate_Bps * (1 - 1e-9)]
    return min(fast, key=lambda p: p.si("port_gbps")) if fast else max(known, key=lambda p: p.si("port_gbps"))


def find_switch(catalog: Catalog, asked: str, protocol: Part, rate_Bps: float) -> Part:
    """Return the switch that was asked for, else the usual one of a protocol and a rate.

    Raises:
        UnknownName: an unknown switch.
        ConfigError: none is known for so fast a port.
    """
    if asked:
        return named_part(catalog, "switches", asked, "scale_out.switch")
    family = "infiniband" if protocol.text("family") == "infiniband" else "ethernet"
    for fastest_gbps, name in _SWITCHES[family]:
        if rate_Bps <= fastest_gbps * 1e9 / 8 * (1 + 1e-9):
            return catalog.get("switches", name)
    raise ConfigError(f"no {family} switch is known for {format_rate(rate_Bps)}; name one", field="scale_out.switch")


def find_radix(switch: Part, asked: int, rate_Bps: float, tier: str) -> int:
    """Return the ports of a switch at a rate, or fewer if ``asked`` is not 0.

    Raises:
        ConfigError: more were asked for than it has, or the catalog does not say.
    """
    ports = switch_ports(switch, rate_Bps)
    if asked and ports and asked > ports:
        raise ConfigError(
            f"{switch.id} has {ports} ports of {format_rate(rate_Bps)}, {asked} were asked for ({tier}); "
            "name a larger switch",
            field="scale_out.radix",
        )
    if not asked and not ports:
        raise ConfigError(
            f"the catalog does not say how many ports of {format_rate(rate_Bps)} {switch.id} has; give the number",
            field="scale_out.radix",
        )
    return asked or ports


def switch_ports(switch: Part, rate_Bps: float) -> int:
    """Return how many ports of a rate a switch has: as listed, else its capacity over the rate; 0 if unknown.

    Raises:
        ConfigError: all its ports are slower.
    """
    listed = {}
    for count, speed, unit in _PORTS.findall(switch.text("ports") or ""):
        listed[float(speed) * (1e9 if unit == "G" else 1e12) / 8] = int(count)
    for speed_Bps, count in listed.items():
        if abs(speed_Bps - rate_Bps) <= 1e-6 * rate_Bps:
            return count
    if listed and max(listed) < rate_Bps:
        raise ConfigError(
            f"{switch.id} has ports of {format_rate(max(listed))}, too slow for {format_rate(rate_Bps)}",
            field="scale_out.switch",
        )
    if not switch.has("capacity_tbps"):
        return 0
    ports = int(switch.si("capacity_tbps") / rate_Bps * (1 + 1e-9))
    return min(ports, int(switch.si("radix_max"))) if switch.has("radix_max") else ports


def switch_latency_s(switch: Part, protocol: Part) -> float:
    """Return the latency of a switch, port to port: its own, else its protocol's usual, else a typical one."""
    if switch.has("latency_ns"):
        return switch.si("latency_ns")
    return protocol.si("latency_ns_switch") if protocol.has("latency_ns_switch") else TYPICAL_SWITCH_LATENCY_S
