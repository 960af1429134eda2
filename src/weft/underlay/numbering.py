"""Numbers that stay: a device's addresses and AS number follow from its name, never from how many others there are.

A name such as ``pod2/leaf3`` is a row of ordinals, here (2, 3). Two are made one by the pairing function of Rosenberg
and Strong (1972), which walks the squares around the origin: pairs below (n, n) get the numbers below n². So a cluster
may grow in any direction, more pods or larger ones, and no number that was given changes.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from ipaddress import IPv4Address, IPv4Network

from weft.errors import ConfigError
from weft.fabric.tables import Kind, NodeTable

ASN_BLOCK = 1 << 24  # AS numbers of a kind of switch
LAST_ASN = 4_294_967_294
_PLACE = {Kind.LEAF: 0, Kind.ROUTER: 1, Kind.SPINE: 2, Kind.CORE: 3}
_KINDS = len(_PLACE)


def paired(a: int, b: int) -> int:
    """Return one number for two: below n² where both are below n, another for any other two."""
    m = max(a, b)
    return m * m + m + a - b


def path_number(nodes: NodeTable, row: int) -> int:
    """Return a number for a node's name, unique among nodes of its kind whose names have as many steps."""
    ordinals = []
    while row >= 0:
        ordinals.append(int(nodes.ordinal[row]))
        row = int(nodes.parent[row])
    return reduce(paired, reversed(ordinals))


def switch_number(nodes: NodeTable, row: int) -> int:
    """Return a number for a switch, unique among all."""
    return path_number(nodes, row) * _KINDS + _PLACE[Kind(int(nodes.kind[row]))]


def own_asn(first: int, nodes: NodeTable, row: int) -> int:
    """Return the AS number that a switch alone has, or shares with its equals if it has the lowest (RFC 7938, 5.2.1).

    Raises:
        ConfigError: beyond the last 4-byte number.
    """
    kind = Kind(int(nodes.kind[row]))
    asn = first + _PLACE[kind] * ASN_BLOCK + path_number(nodes, row)
    if asn > LAST_ASN:
        raise ConfigError(
            f"AS number {asn} of a {kind.label} is beyond {LAST_ASN}; begin lower than {first}", field="underlay.asn"
        )
    return asn


def power_of_two(least: int) -> int:
    """Return the smallest power of two that is no less."""
    return 1 << max(0, least - 1).bit_length()


class Pool:
    """Addresses of one purpose, given out by number."""

    def __init__(self, network: IPv4Network, field: str, what: str) -> None:
        """Give out addresses of ``network``, which the user's ``field`` names, for ``what``."""
        self.network, self.field, self.what = network, field, what

    def block(self, number: int, size: int) -> IPv4Network:
        """Return the ``number``-th block of ``size`` addresses, a power of two.

        Raises:
            ConfigError: the pool is too small.
        """
        if (number + 1) * size > self.network.num_addresses:
            needed = 32 - ((number + 1) * size - 1).bit_length()
            raise ConfigError(
                f"{self.network} is too small for {self.what}, which take a /{max(needed, 0)}", field=self.field
            )
        return IPv4Network((int(self.network.network_address) + number * size, 33 - size.bit_length()))

    def address(self, number: int) -> IPv4Address:
        """Return the ``number``-th address, 0 left out."""
        return self.block(number + 1, 1).network_address


def check_apart(pools: Sequence[Pool]) -> None:
    """Check that no address is in two pools.

    Raises:
        ConfigError: one is.
    """
    for number, pool in enumerate(pools):
        for other in pools[:number]:
            if pool.network.overlaps(other.network):
                raise ConfigError(
                    f"{pool.network} overlaps {other.field} ({other.network}); choose pools apart", field=pool.field
                )
