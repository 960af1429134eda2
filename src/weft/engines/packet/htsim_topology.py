"""Topology files (``.topo``) of the UEC reference simulator: folded Clos networks of two or three tiers.

Keys and values, a line each: ``Nodes``, ``Tiers`` and ``Podsize``, then a block a tier from ``Tier 0``, the hosts'
switches, upward. See `weft.engines.packet.fat_tree` for what is built.
"""

from __future__ import annotations

import os

from weft.engines.packet.fat_tree import FatTree, Tier
from weft.engines.packet.htsim_text import Line, read_lines
from weft.errors import ConfigError

_HEADER = ("nodes", "tiers", "podsize")
_BLOCK = {
    "downlink_speed_gbps": (1, 1 << 20),
    "radix_down": (1, 1 << 20),
    "radix_up": (1, 1 << 20),
    "queue_up": (0, (1 << 31) - 1),
    "queue_down": (0, (1 << 31) - 1),
    "oversubscribed": (1, 1 << 20),
    "bundle": (1, 1 << 20),
    "switch_latency_ns": (0, 10**9),
    "downlink_latency_ns": (1, 10**9),
}


def read_topology(path: str | os.PathLike[str]) -> FatTree:
    """Read a topology file.

    Queue sizes in the file are not used, as the simulator itself overrides them; see `Transport.queue_bytes`.

    Raises:
        ConfigError: the file is malformed, or its ports do not fit together; names the line and the key.
    """
    header: dict[str, int] = {}
    blocks: dict[int, dict[str, int]] = {}
    block: dict[str, int] | None = None
    for line in read_lines(path):
        key = line.words[0].lower()
        if key == "tier":
            number = line.whole(1, "Tier", 0, 2)
            if number in blocks:
                raise line.error(f"Tier {number} stands twice")
            block = blocks[number] = {}
        elif block is None:
            if key not in _HEADER:
                raise _unknown(line, _HEADER)
            _set(line, key, header, 1, 1 << 24)
        elif key not in _BLOCK:
            raise _unknown(line, tuple(_BLOCK))
        else:
            _set(line, key, block, *_BLOCK[key])
    return _assembled(str(path), header, blocks)


def _unknown(line: Line, known: tuple[str, ...]) -> ConfigError:
    return line.error(f"unknown key {line.words[0][:40]!r}; known: {', '.join(known)}")


def _set(line: Line, key: str, into: dict[str, int], least: int, most: int) -> None:
    if key in into:
        raise line.error(f"{line.words[0]} stands twice")
    into[key] = line.whole(1, line.words[0], least, most)


def _assembled(path: str, header: dict[str, int], blocks: dict[int, dict[str, int]]) -> FatTree:
    for key in _HEADER:
        if key not in header:
            raise ConfigError(f"{key.capitalize()} is missing before the first Tier", file=path)
    tiers = header["tiers"]
    if tiers not in (2, 3):
        raise ConfigError(f"{tiers} tiers; 2 or 3 can be built", file=path, field="Tiers")
    made = []
    for number in range(tiers):
        if number not in blocks:
            raise ConfigError(f"has no block Tier {number}", file=path)
        block, top = blocks[number], number == tiers - 1
        needed = ["downlink_speed_gbps", "radix_down", "downlink_latency_ns"] + ([] if top else ["radix_up"])
        for key in needed:
            if key not in block:
                raise ConfigError(f"Tier {number} has no {key}", file=path, field=key)
        if number == 2 and "radix_up" in block:
            raise ConfigError("the top tier has no links up", file=path, field="Radix_Up")
        if number == 0 and block.get("bundle", 1) != 1:
            raise ConfigError("hosts have one link", file=path, field="Bundle")
        made.append(
            Tier(
                rate_Bps=block["downlink_speed_gbps"] * 1e9 / 8,
                latency_s=block["downlink_latency_ns"] * 1e-9,
                down=block["radix_down"],
                up=0 if top else block["radix_up"],
                switch_latency_s=block.get("switch_latency_ns", 0) * 1e-9,
                bundle=block.get("bundle", 1),
            )
        )
        if not top and block["radix_down"] // block["radix_up"] not in (0, block.get("oversubscribed", 1)):
            ratio = f"{block['radix_down']} ports down over {block['radix_up']} up"
            raise ConfigError(
                f"{ratio} are not oversubscribed {block.get('oversubscribed', 1)}:1", file=path, field="Oversubscribed"
            )
    tree = FatTree(header["nodes"], header["podsize"], tuple(made))
    try:
        return tree.checked()
    except ConfigError as error:
        raise ConfigError(error.message, file=path, field=error.field) from None
