"""Which ranks a job has: one a host, at a port that reaches the others'."""

from __future__ import annotations

from dataclasses import dataclass

from weft.errors import ConfigError
from weft.lab.plan import LabPlan


@dataclass(frozen=True, slots=True)
class Rank:
    """One process of a job.

    Attributes:
        number: its rank.
        host: node it runs on.
        port: interface of its address.
        address: that others reach it by.
        rate_Bps: of the port, in the lab.
    """

    number: int
    host: str
    port: str
    address: str
    rate_Bps: float


def ranks_of(plan: LabPlan, count: int | None = None) -> list[Rank]:
    """Return one rank a host, in the order of hosts, each at its host's first port.

    Raises:
        ConfigError: fewer than two hosts, or more ranks were asked for than there are hosts.
    """
    hosts = plan.hosts
    count = len(hosts) if count is None else count
    if not 2 <= count <= len(hosts):
        raise ConfigError(f"a job has one rank a host, 2 to {len(hosts)} here, not {count}", field="--ranks")
    found = []
    for number, host in enumerate(hosts[:count]):
        port = host.ports[0]
        found.append(Rank(number, host.name, port.name, port.address, port.rate_Bps))
    return found
