"""The hardware of a measured training row: accelerator, counts, network."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any


class Inexpressible(Exception):
    """The row states conditions that cannot be expressed; the message says which."""


@dataclass(frozen=True)
class Machine:
    """The hardware of a row: an accelerator part, how many, how many a node, and each node's NICs."""

    accelerator: str
    accelerators: int
    per_node: int
    nics: int
    nic_gbps: float
    protocol: str


_ACCELERATORS = (
    (r"h100 96gb", "h100_96_hbm2e"),
    (r"a100.*40\s*gb", "a100_sxm_40"),
    (r"a100", "a100_sxm_80"),
    (r"h200.*nvl", None),
    (r"h200", "h200_sxm"),
    (r"h800", "h800_sxm"),
    (r"gb300", "gb300_nvl72"),
    (r"b300", "b300_hgx"),
    (r"gb200", "gb200_nvl72"),
    (r"b200", "b200_hgx"),
    (r"h100", "h100_sxm"),
)
_RACKS = ("gb200_nvl72", "gb300_nvl72")
# The networks of the published systems whose rows do not print one, by accelerator: eight adapters a node.
_NICS = {
    "a100_sxm_80": (8, 200.0),
    "a100_sxm_40": (8, 200.0),
    "h100_sxm": (8, 400.0),
    "h200_sxm": (8, 400.0),
    "h800_sxm": (8, 400.0),
    "b200_hgx": (8, 400.0),
    "b300_hgx": (8, 800.0),
    "gb200_nvl72": (72, 400.0),
    "gb300_nvl72": (72, 800.0),
}


def machine_of(row: dict[str, Any]) -> Machine:
    """The row's hardware.

    Raises:
        Inexpressible: an accelerator without measured kernel efficiencies, or no count.
    """
    text = str(row.get("accel", "")).lower().replace("_", " ")
    for pattern, part in _ACCELERATORS:
        if re.search(pattern, text):
            accelerator = part
            break
    else:
        accelerator = None
    if accelerator is None:
        raise Inexpressible(f"no measured kernel efficiencies for accelerator {row.get('accel')!r} yet")
    count = row.get("n_gpus") or row.get("n_accel")
    if not isinstance(count, int):
        if row.get("source") == "seqsel_text" and row.get("tp"):
            count = int(row["tp"])
        else:
            raise Inexpressible("the number of accelerators is not stated")
    nics, gbps, protocol = _network(row, accelerator)
    per_node = int(row.get("per_node") or row.get("gpus_per_node") or 8)
    if accelerator in _RACKS:
        # A scale-up domain is a rack of 18 trays; jobs on several take 16 of each, to have powers of two.
        per_node = 72 if count <= 72 else 64
    return Machine(accelerator, count, min(per_node, count), nics, gbps, protocol)


def _network(row: dict[str, Any], accelerator: str) -> tuple[int, float, str]:
    text = str(row.get("inter") or row.get("host_networking") or "")
    if accelerator in _RACKS:
        text = ""  # what rows print is of a tray
    if "1600 Gbps node-node" in str(row.get("section", "")):
        return 8, 200.0, "roce"
    protocol = (
        "omnipath_100" if "Omni-Path" in text else "roce" if re.search(r"roce|ethernet", text, re.I) else "infiniband"
    )
    compute = re.search(r"(?:Compute: )?(\d+)x\D*?(?:[A-Za-z0-9-]+ )*?(\d+)\s*Gb/s", text.split("Compute:")[-1])
    if compute:
        return int(compute[1]), float(compute[2]), protocol
    if (per_gpu := re.search(r"(\d+)\s*Gb/s.*per GPU", text)) is not None:
        return 8, float(per_gpu[1]), protocol
    nics, gbps = _NICS.get(accelerator, (8, 400.0))
    return nics, gbps, protocol
