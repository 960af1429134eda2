"""From the words of a measured row to a communicator: which accelerators, how many, joined by what.

Published logs describe hardware in free text (``8x NDR 400 Gb/s InfiniBand per node``, ``NVL72``). What cannot be
read with certainty is refused with the reason; nothing is guessed from the measured value.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any

from weft.errors import ConfigError

Row = dict[str, Any]

_ACCELERATORS = (
    (r"pairwise|H100 NVL\b|PCIe", ""),
    (r"GB300", "gb300_nvl72"),
    (r"GB200", "gb200_nvl72"),
    (r"B300", "b300_hgx"),
    (r"B200", "b200_hgx"),
    (r"H200", "h200_sxm"),
    (r"H100", "h100_sxm"),
    (r"A100.*40\s?GB", "a100_sxm_40"),
    (r"A100", "a100_sxm_80"),
    (r"V100", "v100_sxm2_32"),
    (r"MI355X|MI350X", "mi355x"),
    (r"MI325X", "mi325x"),
    (r"MI300X", "mi300x"),
)
_RACK_SCALE = ("gb200_nvl72", "gb300_nvl72")
_RACK = 72
_LARGEST_NODE = 16  # DGX-2, a2-megagpu-16g
#: Sold in nodes of four or eight; four ranks a node mean a node of four, all linked with each other.
_FOUR_OR_EIGHT = ("v100_sxm2_32",)
_SPEEDS = {"GDR": 1600, "XDR": 800, "NDR": 400, "HDR": 200, "EDR": 100, "FDR": 56}
_COUNTED = re.compile(
    r"(\d+)\s*x\s*(?:(NDR|HDR|EDR|XDR)\b\s*)?(?:(\d+(?:\.\d+)?)\s*(G|T)(?:b/?s|bps|bit/s|b|\b)?)?", re.IGNORECASE
)
_EACH = re.compile(
    r"(\d+(?:\.\d+)?)\s*(G|T)b(?:/s|ps|it/s)\s*(?:\w+\s+)?per\s+(GPU|accelerator|node|host|server|instance)",
    re.IGNORECASE,
)
_TOTAL = re.compile(r"(\d+(?:\.\d+)?)\s*GB/s\s*(?:/|per )\s*node", re.IGNORECASE)
_NUMBERS = {"one": 1, "two": 2, "three": 3, "four": 4, "six": 6, "eight": 8}
_RACKS = re.compile(r"\b(\d+|one|two|three|four|six|eight)\s+(?:NVL72\s+)?racks?\b", re.IGNORECASE)
_NOTED_SIZE = re.compile(r"(\d+)\s*(M|G)B", re.IGNORECASE)
_TRANSPORTS = (
    (r"TCPXO|FasTrak", "tcpxo"),
    (r"TCPX|\bTCP\b", "tcpx"),
    (r"\bEFA", "efa_srd"),
    (r"RoCE|Ethernet|Spectrum|mlx5|ENA\b", "eth"),
    (r"Slingshot", "slingshot11"),
    (r"InfiniBand|\bIB\b|NDR|HDR|EDR|XDR|Quantum|Omni-?Path|\bOPA\b", "ib"),
)


class UnsupportedError(Exception):
    """A row that cannot be expressed; the message is the reason."""


@dataclass(frozen=True, slots=True)
class Network:
    """What joins the nodes: NICs per node, each one's rate, the transport, and whether its switches reduce."""

    nics: int
    rate_Bps: float
    transport: str
    reduces: bool = False


@dataclass(frozen=True, slots=True)
class Setup:
    """A row's hardware.

    Attributes:
        accelerator: catalog id.
        ranks: members of the communicator.
        units: scale-up domains (nodes, or racks of 72) that it spans.
        domain: accelerators in each scale-up domain.
        network: between domains; None where there is one domain.
        reduces: scale-up switches may reduce; None for the hardware's default.
    """

    accelerator: str
    ranks: int
    units: int
    domain: int
    network: Network | None = None
    reduces: bool | None = None


def read_setup(row: Row) -> Setup:
    """Read accelerator, ranks, nodes and networks.

    Args:
        row: the row with its series' conditions filled in.

    Raises:
        UnsupportedError: something needed is missing, or is hardware the catalog doesn't have.
    """
    text = str(row.get("accel") or "")
    accelerator = _accelerator(text, str(row.get("intra") or ""))
    ranks = _whole(row, "n_ranks") or _product(row)
    if not ranks:
        raise UnsupportedError("the number of ranks is not stated")
    per_node = _whole(row, "gpus_per_node_used") or _whole(row, "gpus_per_node")
    nodes = _whole(row, "n_nodes")
    if accelerator in _RACK_SCALE:
        return _rack_scale(row, accelerator, ranks, nodes, per_node or 4)
    domain = _whole(row, "gpus_per_node") or 8
    if nodes is None:
        nodes = 1 if ranks <= domain and not row.get("inter") else math.ceil(ranks / (per_node or domain))
    if ranks % nodes:
        raise UnsupportedError(f"{ranks} ranks do not spread evenly over {nodes} nodes")
    if ranks // nodes > domain or (accelerator in _FOUR_OR_EIGHT and ranks // nodes <= 4):
        domain = ranks // nodes
    if domain > _LARGEST_NODE:
        raise UnsupportedError(f"{domain} ranks in one node: no known node of {accelerator} holds so many")
    network = _network(row, domain) if nodes > 1 else None
    return Setup(accelerator, ranks, nodes, domain, network, _reduces(row))


def _rack_scale(row: Row, accelerator: str, ranks: int, nodes: int | None, per_tray: int) -> Setup:
    """NVL72: trays of one rack share NVLink; the network only counts between racks."""
    said = _RACKS.search(" ".join(str(row.get(key) or "") for key in ("note", "racks", "hops", "inter")))
    racks = (_NUMBERS.get(said[1].lower()) or int(said[1])) if said else _whole(row, "n_racks")
    racks = max(racks or 1, math.ceil(ranks / _RACK))
    if ranks % racks:
        raise UnsupportedError(f"{ranks} ranks do not spread evenly over {racks} racks")
    network = None
    if racks > 1:
        tray = _network(row, per_tray)
        network = Network(tray.nics * _RACK // per_tray, tray.rate_Bps, tray.transport, tray.reduces)
    return Setup(accelerator, ranks, racks, _RACK, network, _reduces(row))


def _accelerator(text: str, intra: str) -> str:
    if not text:
        raise UnsupportedError("the accelerator is not stated")
    for pattern, part in _ACCELERATORS:
        if re.search(pattern, text, re.IGNORECASE):
            if part:
                return part
            raise UnsupportedError(
                f"{text}: GPUs on PCIe or paired NVLink bridges; their host topology is not described"
            )
    if "PCIe" in intra:
        raise UnsupportedError(
            f"{text} joined by PCIe: bandwidth depends on the host's switches and sockets, not described"
        )
    raise UnsupportedError(f"the catalog has no accelerator {text}")


def _network(row: Row, per_node: int) -> Network:
    """NICs of a node from words such as ``8x NDR 400 Gb/s InfiniBand per node``."""
    text = str(row.get("inter") or "")
    if not text or re.search(r"not stated|unknown|n/a", text, re.IGNORECASE):
        raise UnsupportedError("the network between nodes is not stated")
    transport = next((name for pattern, name in _TRANSPORTS if re.search(pattern, text, re.IGNORECASE)), "ib")
    reduces = bool(re.search(r"\bSHARP\b(?! (?:off|disabled))", text))
    for match in _COUNTED.finditer(text):
        count, generation, number, scale = match.groups()
        if number is None and generation is None:
            continue
        gbps = float(number) * (1000 if (scale or "").upper() == "T" else 1) if number else _SPEEDS[generation.upper()]
        return Network(int(count), gbps * 1e9 / 8, transport, reduces)
    if each := _EACH.search(text):
        rate_Bps = float(each[1]) * (1000 if each[2].upper() == "T" else 1) * 1e9 / 8
        if each[3].lower() in ("gpu", "accelerator"):
            return Network(per_node, rate_Bps, transport, reduces)
        return Network(1 if per_node == 1 else per_node, rate_Bps / max(per_node, 1), transport, reduces)
    if total := _TOTAL.search(text):
        return Network(per_node, float(total[1]) * 1e9 / per_node, transport, reduces)
    raise UnsupportedError(f"the number or rate of NICs per node is not stated ({text[:60]})")


def _reduces(row: Row) -> bool | None:
    """False where the row says that NVLS was off."""
    words = " ".join(str(row.get(key) or "") for key in ("algo", "env"))
    return False if re.search(r"NVLS[ _]off|NVLS_ENABLE=0|non-SHARP", words, re.IGNORECASE) else None


def _whole(row: Row, name: str) -> int | None:
    value = row.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 1 <= value < 1e9 or value % 1:
        raise UnsupportedError(f"{name} should be a whole number above 0, read {str(value)[:40]!r}")
    return int(value)


def _product(row: Row) -> int | None:
    nodes, per_node = _whole(row, "n_nodes"), _whole(row, "gpus_per_node")
    return nodes * per_node if nodes and per_node else None


def noted_size(row: Row) -> float | None:
    """The size in words, such as ``up to 128 MB``; None where there is none."""
    said = _NOTED_SIZE.search(str(row.get("size_note") or ""))
    return float(said[1]) * (1e6 if said[2].upper() == "M" else 1e9) if said else None


def checked_size(value: Any) -> float | None:
    """The row's size in bytes, None where it has none.

    Raises:
        ConfigError: not a number, or negative.
    """
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e18:
        raise ConfigError(f"size_B should be a number of bytes, read {str(value)[:40]!r}")
    return float(value)
