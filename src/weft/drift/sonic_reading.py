"""Reads SONiC's ``config_db.json``."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from weft.drift.facts import DeviceFacts, NeighbourFacts, NotReadable, PortFacts

Tables = Mapping[str, Mapping[str, Any]]


def read_sonic(text: str) -> DeviceFacts:
    """Return what a ``config_db.json`` says.

    Raises:
        NotReadable: it is not JSON, not of SONiC's form, or a number in it is none.
    """
    try:
        tables = json.loads(text)
    except ValueError as error:
        raise NotReadable(f"it is not JSON: {error}") from None
    if not isinstance(tables, dict) or not all(isinstance(rows, dict) for rows in tables.values()):
        raise NotReadable("it is not a set of tables")
    try:
        return _facts(tables)
    except (ValueError, TypeError, AttributeError) as error:
        raise NotReadable(f"a table is not of SONiC's form: {error}") from None


def _facts(tables: Tables) -> DeviceFacts:
    metadata = tables.get("DEVICE_METADATA", {}).get("localhost", {})
    bgp = tables.get("BGP_GLOBALS", {}).get("default", {})
    family = tables.get("BGP_GLOBALS_AF", {}).get("default|ipv4_unicast", {})
    asn = bgp.get("local_asn", metadata.get("bgp_asn"))
    found = DeviceFacts(
        hostname=metadata.get("hostname", ""),
        asn=None if asn is None else int(asn),
        loopbacks=frozenset(key.split("|")[1] for key in tables.get("LOOPBACK_INTERFACE", {}) if "|" in key),
        announced=frozenset(
            key.split("|")[2] for key in tables.get("BGP_GLOBALS_AF_NETWORK", {}) if key.startswith("default|ipv4")
        ),
        paths=int(family.get("max_ebgp_paths", 1)),
        relaxed=bgp.get("load_balance_mp_relax") == "true",
        untold=frozenset({"bfd_timers"}),
    )
    ports = _Ports(tables)
    for name, row in tables.get("PORT", {}).items():
        found.ports[name] = ports.facts(name, row)
    groups = tables.get("BGP_PEER_GROUP", {})
    for key, row in tables.get("BGP_NEIGHBOR", {}).items():
        vrf, _, at = key.rpartition("|")
        all_said = {**groups.get(f"{vrf or 'default'}|{row.get('peer_group_name', '')}", {}), **row}
        found.neighbours[at] = NeighbourFacts(
            int(all_said["asn"]) if "asn" in all_said else None,
            all_said.get("bfd") == "true",
            all_said.get("admin_status", "up") != "down",
        )
    return found


class _Ports:
    """The rows of every port, found once for all tables that are keyed by port and something else."""

    def __init__(self, tables: Tables) -> None:
        self.tables = tables
        self.addresses = _by_port(tables.get("INTERFACE", {}))
        self.queues = _by_port(tables.get("QUEUE", {}))
        self.groups = _by_port(tables.get("BUFFER_PG", {}))
        self.classes: dict[tuple[str, ...], dict[int, tuple[str, str, str]]] = {}

    def facts(self, name: str, row: Mapping[str, str]) -> PortFacts:
        """Return what is said about one port."""
        told = self.tables.get("DEVICE_NEIGHBOR", {}).get(name)
        qos = self.tables.get("PORT_QOS_MAP", {}).get(name, {})
        return PortFacts(
            says=f"{told.get('name', '')}:{told.get('port', '')}" if told else row.get("description"),
            addresses=frozenset(self.addresses.get(name, {})),
            mtu=int(row["mtu"]) if "mtu" in row else None,
            speed_mbps=int(row["speed"]) if "speed" in row else None,
            pfc=qos.get("pfc_enable") or None,
            classes=self._classes(qos),
            marks=dict(self._marks(name)),
            headroom_bytes=dict(self._headroom(name)),
        )

    def _classes(self, qos: Mapping[str, str]) -> dict[int, tuple[str, str, str]] | None:
        """Return by code point where packets of it go; ports that name the same maps share one."""
        names = tuple(qos.get(field, "") for field in ("dscp_to_tc_map", "tc_to_queue_map", "tc_to_pg_map"))
        if not names[0]:
            return None
        if names not in self.classes:
            kinds = ("DSCP_TO_TC_MAP", "TC_TO_QUEUE_MAP", "TC_TO_PRIORITY_GROUP_MAP")
            dscp, queue, group = (self.tables.get(k, {}).get(n, {}) for k, n in zip(kinds, names, strict=True))
            self.classes[names] = {
                int(point): (tc, queue.get(tc, "none"), group.get(tc, "none")) for point, tc in dscp.items()
            }
        return self.classes[names]

    def _marks(self, name: str) -> Iterator[tuple[int, tuple[int, int, int]]]:
        for span, row in self.queues.get(name, {}).items():
            profile = self.tables.get("WRED_PROFILE", {}).get(row.get("wred_profile", ""))
            if profile is None or profile.get("ecn", "ecn_none") == "ecn_none":
                continue
            low, high, most = (
                int(profile.get(f"green_{field}", default))
                for field, default in (("min_threshold", 0), ("max_threshold", 0), ("drop_probability", 100))
            )
            yield from ((queue, (low, high, most)) for queue in _numbers(span))

    def _headroom(self, name: str) -> Iterator[tuple[int, int]]:
        for span, row in self.groups.get(name, {}).items():
            profile = self.tables.get("BUFFER_PROFILE", {}).get(row.get("profile", ""), {})
            if "xoff" in profile:
                yield from ((group, int(profile["xoff"])) for group in _numbers(span))


def _by_port(rows: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for key, row in rows.items():
        name, _, rest = key.partition("|")
        if rest:
            found.setdefault(name, {})[rest] = row
    return found


def _numbers(span: str) -> range:
    """Return the numbers of ``3`` or ``3-4``."""
    first, _, last = span.partition("-")
    return range(int(first), int(last or first) + 1)
