"""One difference between what is there and what the design says."""

from __future__ import annotations

from dataclasses import dataclass

RULES = {
    "missing-device": "a switch of the design has no configuration",
    "extra-device": "a configuration is of no switch of the design",
    "unreadable": "a file is no configuration that can be read",
    "hostname": "a configuration names another switch than its file does",
    "missing-port": "a port of the design is not configured",
    "extra-port": "a port is configured that leads nowhere in the design",
    "wrong-cable": "a port's description, or LLDP, names another neighbour",
    "missing-neighbour": "a BGP session of the design is not configured or shut down, or LLDP hears nobody",
    "unknown-neighbour": "a BGP session, or a neighbour that LLDP hears, is not in the design",
    "asymmetric-ecmp": "fewer equal paths than the design, or uplinks that only the other side uses",
    "asn": "another AS number, own or of a neighbour",
    "address": "another address on a port or loopback",
    "announcement": "a prefix or loopback that should be announced is not, or one that should not is",
    "mtu": "another MTU",
    "speed": "another speed",
    "bfd": "BFD is missing, or slower or faster than the design",
    "qos-dscp": "code points lead to other traffic classes, queues or priority groups",
    "qos-pfc": "priority flow control on other priorities",
    "qos-ecn": "queues are marked at other thresholds",
    "qos-headroom": "less room than is needed after a pause",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One difference.

    Attributes:
        rule: a key of `RULES`.
        device: hostname.
        port: as the device's own system names it; empty where the device as a whole is meant.
        found: what is there.
        design: what the design says.
    """

    rule: str
    device: str
    port: str
    found: str
    design: str

    @property
    def line(self) -> str:
        """One line for people."""
        where = f"{self.device} {self.port}".strip()
        return f"{where}: {self.rule}: {self.found}; the design says {self.design}"
