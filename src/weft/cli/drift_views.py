"""What ``weft fabric drift`` prints: for people and for machines."""

from __future__ import annotations

from typing import Any

from weft.drift import Drift
from weft.fabric import Fabric


def drift_json(fabric: Fabric, found: Drift) -> dict[str, Any]:
    """Return ``weft fabric drift --json``."""
    return {
        "schema": "weft.drift/1",
        "name": fabric.name,
        "switches": found.devices,
        "configurations": found.read,
        "lldp": found.heard,
        "notes": list(found.notes),
        "by_rule": found.by_rule,
        "findings": [
            {"rule": each.rule, "device": each.device, "port": each.port, "found": each.found, "design": each.design}
            for each in found.findings
        ],
    }


def drift_text(fabric: Fabric, found: Drift) -> str:
    """Return one line a difference, then how many there are and what was not compared."""
    differences = len(found.findings)
    lines = [finding.line for finding in found.findings]
    lines.append(
        f"{fabric.name}: {found.read:,} of {found.devices:,} switches' configurations compared, "
        f"{differences:,} difference{'' if differences == 1 else 's'}"
    )
    lines += [f"not compared: {note}" for note in found.notes]
    return "\n".join(lines)
