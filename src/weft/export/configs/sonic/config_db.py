"""One switch's ``config_db.json``.

BGP is in the general tables (BGP_GLOBALS, BGP_NEIGHBOR with a VRF), which know neighbours on interfaces; SONiC reads
them where ``frr_mgmt_framework_config`` is true. Written after the published YANG models of SONiC
(sonic-net/sonic-buildimage, src/sonic-yang-models); ``benchmarks/lab/sonic_yang.py`` checks against them.
"""

from __future__ import annotations

import json
from typing import Any

from weft.export.configs.frr import CONNECT_S, hold_times_s, most_paths
from weft.export.configs.sonic.ports import SonicPort, sonic_ports
from weft.export.configs.sonic.qos import Table, qos_tables
from weft.underlay import Device, Port, Role, Underlay

VRF = "default"
FAMILY = "ipv4_unicast"
GROUP = "FABRIC"
LOOPBACK = "Loopback0"
_TYPES = {"leaf": "ToRRouter", "router": "ToRRouter", "spine": "LeafRouter", "core": "SpineRouter"}  # SONiC counts T0..
_HASHED = ("SRC_IP", "DST_IP", "IP_PROTOCOL", "L4_SRC_PORT", "L4_DST_PORT")
KnownPorts = dict[int, tuple[SonicPort, ...]]  # by number of the switch: worked out once for all its neighbours


def config_db(underlay: Underlay, device: Device, known: KnownPorts | None = None) -> dict[str, Table]:
    """Return all tables of a switch.

    Args:
        underlay: whose.
        device: one of its switches.
        known: ports of switches, to be filled and used again; default: none known yet.
    """
    known = {} if known is None else known
    ports = _ports(underlay, device, known)
    part = underlay.fabric.parts[int(underlay.fabric.nodes.part[device.row])]
    tables: dict[str, Table] = {
        "DEVICE_METADATA": {"localhost": _metadata(device, part.id)},
        "LOOPBACK_INTERFACE": {LOOPBACK: {}, f"{LOOPBACK}|{device.loopback}/32": {}},
        "SWITCH_HASH": {"GLOBAL": {"ecmp_hash": list(_HASHED)}},
        "PORT": {},
        "INTERFACE": {},
        "DEVICE_NEIGHBOR": {},
        **_bgp(underlay, device),
        **qos_tables(ports, underlay.options.mtu, part),
    }
    for port in ports:
        _of_port(tables, underlay, port, known)
    return {table: rows for table, rows in tables.items() if rows}


def config_db_text(tables: dict[str, Table]) -> str:
    """Return the file: tables by name, one row a line."""
    blocks = []
    for table in sorted(tables):
        rows = json.dumps(tables[table])  # one call a table: a large fabric has millions of rows
        lines = rows[1:-1].replace('}, "', '},\n    "')  # no name or description has these four characters
        blocks.append(f"  {json.dumps(table)}: {{\n    {lines}\n  }}")
    return "{\n" + ",\n".join(blocks) + "\n}\n"


def far_port(underlay: Underlay, port: Port, known: KnownPorts) -> str:
    """Return the name of the port at the other end, as its own system has it."""
    peer = underlay.devices[port.peer]
    if peer.role is Role.HOST:
        return peer.ports[port.peer_port].name
    return _ports(underlay, peer, known)[port.peer_port].name


def _ports(underlay: Underlay, device: Device, known: KnownPorts) -> tuple[SonicPort, ...]:
    if device.number not in known:
        known[device.number] = sonic_ports(underlay, device)
    return known[device.number]


def _metadata(device: Device, part: str) -> dict[str, str]:
    return {
        "hostname": device.hostname,
        "hwsku": part,
        "type": _TYPES[device.kind],
        "bgp_asn": str(device.asn),
        "bgp_router_id": str(device.loopback),
        "buffer_model": "traditional",
        "docker_routing_config_mode": "unified",
        "frr_mgmt_framework_config": "true",
    }


def _of_port(tables: dict[str, Table], underlay: Underlay, mine: SonicPort, known: KnownPorts) -> None:
    port, peer = mine.port, underlay.devices[mine.port.peer]
    far = far_port(underlay, port, known)
    tables["PORT"][mine.name] = {
        "alias": mine.alias,
        "index": str(mine.index),
        "lanes": mine.lanes,
        "speed": str(mine.speed_mbps),
        "fec": mine.fec,
        "mtu": str(underlay.options.mtu),
        "admin_status": "up",
        "description": f"{peer.hostname}:{far}",
    }
    tables["DEVICE_NEIGHBOR"][mine.name] = {"name": peer.hostname, "port": far}
    if port.address is None:
        tables["INTERFACE"][mine.name] = {"ipv6_use_link_local_only": "enable"}
    else:
        tables["INTERFACE"][mine.name] = {}
        tables["INTERFACE"][f"{mine.name}|{port.address}/31"] = {}
    if port.faces is Role.SWITCH:
        neighbour = mine.name if port.address is None else str(underlay.peer(port).address)
        row: dict[str, Any] = {"peer_group_name": GROUP, "asn": str(peer.asn), "name": f"{peer.hostname}:{far}"}
        tables["BGP_NEIGHBOR"][f"{VRF}|{neighbour}"] = row


def _bgp(underlay: Underlay, device: Device) -> dict[str, Table]:
    keepalive_s, hold_s = hold_times_s(underlay.options)
    prefixes = [f"{device.loopback}/32", *([str(device.prefix)] if device.prefix is not None else [])]
    group = {"bfd": "true" if underlay.options.bfd.enabled else "false", "conn_retry": str(CONNECT_S)}
    return {
        "BGP_GLOBALS": {
            VRF: {
                "local_asn": str(device.asn),
                "router_id": str(device.loopback),
                "load_balance_mp_relax": "true",
                "external_compare_router_id": "true",
                "network_import_check": "false",
                "keepalive": str(keepalive_s),
                "holdtime": str(hold_s),
            }
        },
        "BGP_GLOBALS_AF": {f"{VRF}|{FAMILY}": {"max_ebgp_paths": str(most_paths(device))}},
        "BGP_GLOBALS_AF_NETWORK": {f"{VRF}|{FAMILY}|{prefix}": {} for prefix in prefixes},
        "BGP_PEER_GROUP": {f"{VRF}|{GROUP}": {"peer_type": "external", **group}},
        "BGP_PEER_GROUP_AF": {f"{VRF}|{GROUP}|{FAMILY}": {"admin_status": "up"}},
        "BGP_NEIGHBOR": {},
    }
