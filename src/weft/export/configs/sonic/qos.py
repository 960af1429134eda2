"""Quality of service for RoCE: which packets are lossless, when they are marked, how much room a pause takes.

- Data is told by its code point: 26 is traffic class 3, 34 class 4 (IETF AF31 and AF41); notifications of congestion
  (CNP) 48 class 6, served first; all others class 0. Priority flow control (IEEE 802.1Qbb) on classes 3 and 4.
- Marks as DCQCN has them: none below 5 KB, all above 200 KB, 1 % just below, at 40 Gb/s; bytes with the rate (Y. Zhu et
  al., SIGCOMM 2015, section 5.2). These are what ``--transport roce_dcqcn`` simulates; tests compare.
- Headroom: what arrives after a pause was decided: the link's both ways, and a full packet being sent at either end,
  twice (the packet engine's formula; IEEE 802.1Q annex N has the same terms).
- Thresholds are dynamic (A. K. Choudhury, E. L. Hahne, 1998): a class may hold 2^dynamic_th times what is free.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from weft.catalog import Part
from weft.export.configs.sonic.ports import SonicPort

Table = dict[str, dict[str, Any]]

MAP = "ROCE"
CLASS_OF_DSCP = {26: 3, 34: 4, 48: 6}
LOSSLESS = (3, 4)
FIRST = 6  # the class of notifications
_KMIN, _KMAX, _PMAX_PERCENT, _AT_Bps = 5e3, 200e3, 1, 5e9
_WATCHDOG_MS = 200  # a queue paused for so long is drained: as "pfcwd start_default" polls
_KIB = 1024


def dscp_classes() -> dict[str, str]:
    """Return the traffic class of every code point."""
    return {str(dscp): str(CLASS_OF_DSCP.get(dscp, 0)) for dscp in range(64)}


def pfc_enable() -> str:
    """Return the paused priorities as PORT_QOS_MAP has them."""
    return ",".join(map(str, LOSSLESS))


def marking_bytes(speed_mbps: int) -> tuple[int, int]:
    """Return below what a queue of a rate is not marked and above what all is, bytes."""
    rate_Bps = speed_mbps * 1e6 / 8
    return math.ceil(_KMIN * rate_Bps / _AT_Bps), math.ceil(_KMAX * rate_Bps / _AT_Bps)


def headroom_bytes(port: SonicPort, mtu: int) -> int:
    """Return what a paused class of a port must still take, bytes: whole KiB."""
    latency_s = max(port.link.latency_up_s, port.link.latency_down_s)
    return math.ceil((2 * latency_s * port.port.rate_Bps + 4 * mtu) / _KIB) * _KIB


def qos_tables(ports: Sequence[SonicPort], mtu: int, part: Part) -> dict[str, Table]:
    """Return the tables of a switch's quality of service and buffers."""
    same = {str(n): str(n) for n in range(8)}
    tables: dict[str, Table] = {
        "DSCP_TO_TC_MAP": {MAP: dscp_classes()},
        "TC_TO_QUEUE_MAP": {MAP: same},
        "TC_TO_PRIORITY_GROUP_MAP": {MAP: {str(n): str(n if n in LOSSLESS else 0) for n in range(8)}},
        "MAP_PFC_PRIORITY_TO_QUEUE": {MAP: same},
        "SCHEDULER": {
            "lossy": {"type": "DWRR", "weight": "20"},
            "lossless": {"type": "DWRR", "weight": "40"},
            "notifications": {"type": "STRICT"},
        },
        "WRED_PROFILE": {_wred_name(speed): _wred(speed) for speed in sorted({p.speed_mbps for p in ports})},
        "PORT_QOS_MAP": {},
        "QUEUE": {},
        "PFC_WD": {"GLOBAL": {"POLL_INTERVAL": str(_WATCHDOG_MS)}},
        **_buffers(ports, mtu, part),
    }
    for port in ports:
        _of_port(tables, port)
    return tables


def _of_port(tables: dict[str, Table], port: SonicPort) -> None:
    row = {
        "dscp_to_tc_map": MAP,
        "tc_to_queue_map": MAP,
        "tc_to_pg_map": MAP,
        "pfc_to_queue_map": MAP,
    }
    if port.lossless:
        row["pfc_enable"] = row["pfcwd_sw_enable"] = pfc_enable()
        tables["PFC_WD"][port.name] = {
            "action": "drop",
            "detection_time": str(_WATCHDOG_MS),
            "restoration_time": str(_WATCHDOG_MS),
        }
    tables["PORT_QOS_MAP"][port.name] = row
    tables["QUEUE"][f"{port.name}|0"] = {"scheduler": "lossy"}
    for queue in LOSSLESS:
        tables["QUEUE"][f"{port.name}|{queue}"] = {
            "scheduler": "lossless",
            "wred_profile": _wred_name(port.speed_mbps),
        }
    tables["QUEUE"][f"{port.name}|{FIRST}"] = {"scheduler": "notifications"}


def _wred_name(speed_mbps: int) -> str:
    return f"ECN_{speed_mbps // 1000}G"


def _wred(speed_mbps: int) -> dict[str, str]:
    low, high = marking_bytes(speed_mbps)
    row = {"ecn": "ecn_all"}
    for colour in ("green", "yellow", "red"):
        row |= {
            f"wred_{colour}_enable": "true",
            f"{colour}_min_threshold": str(low),
            f"{colour}_max_threshold": str(high),
            f"{colour}_drop_probability": str(_PMAX_PERCENT),
        }
    return row


def _buffers(ports: Sequence[SonicPort], mtu: int, part: Part) -> dict[str, Table]:
    """Return pools, profiles and who uses which: one lossless profile for each headroom."""
    profiles: Table = {
        "ingress_lossy": {"pool": "ingress_pool", "size": "0", "dynamic_th": "3"},
        "egress_lossy": {"pool": "egress_pool", "size": "0", "dynamic_th": "1"},
        "egress_lossless": {"pool": "egress_pool", "size": "0", "dynamic_th": "7"},
    }
    groups: Table = {}
    queues: Table = {}
    reserved = 0
    span = f"{LOSSLESS[0]}-{LOSSLESS[-1]}"
    for port in ports:
        groups[f"{port.name}|0"] = {"profile": "ingress_lossy"}
        queues[f"{port.name}|0"] = queues[f"{port.name}|{FIRST}"] = {"profile": "egress_lossy"}
        queues[f"{port.name}|{span}"] = {"profile": "egress_lossless"}
        if not port.lossless:
            continue
        xoff = headroom_bytes(port, mtu)
        name = f"pg_lossless_{port.speed_mbps}_{xoff // _KIB}k"
        profiles[name] = {
            "pool": "ingress_pool",
            "size": str(2 * mtu),
            "xon": str(2 * mtu),
            "xon_offset": str(2 * mtu),
            "xoff": str(xoff),
            "dynamic_th": "0",
        }
        groups[f"{port.name}|{span}"] = {"profile": name}
        reserved += len(LOSSLESS) * xoff
    ingress = {"type": "ingress", "mode": "dynamic"}
    egress = {"type": "egress", "mode": "dynamic"}
    if part.has("buffer_mb"):
        total = int(part.si("buffer_mb"))
        headroom = min(reserved, total // 2)  # more than half is not set aside: headroom is shared then
        ingress |= {"size": str(total - headroom), "xoff": str(headroom)}
        egress |= {"size": str(total)}
    return {
        "BUFFER_POOL": {"ingress_pool": ingress, "egress_pool": egress},
        "BUFFER_PROFILE": profiles,
        "BUFFER_PG": groups,
        "BUFFER_QUEUE": queues,
    }
