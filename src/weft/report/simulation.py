"""The answer of ``weft simulate`` as a card: the verdict first, then where the time, memory and money go."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from typing import Any

from weft import units
from weft.report.terminal import Column, coloured, heading, pairs, percent, style, table, width

_STEP_NAMES = {
    "compute": "compute",
    "exposed_tp": "exposed tensor-parallel communication",
    "exposed_pp": "exposed pipeline communication",
    "exposed_dp": "exposed data-parallel communication",
    "exposed_ep": "exposed expert-parallel communication",
    "exposed_cp": "exposed context-parallel communication",
    "exposed_offload": "exposed offloading to the host",
    "bubble": "pipeline bubble and waiting",
    "stragglers": "waiting for the slowest rank",
    "exposed_outer": "exposed exchange of the groups",
    "outer_optimizer": "outer optimizer",
}
_BAR = 24


def simulation_card(result: dict[str, Any]) -> str:
    """Lay out ``Result.to_dict()`` for a terminal."""
    blocks = [
        _verdict(result),
        _step(result),
        _figures(result),
        _memory(result),
        _warnings(result),
        _provenance(result),
    ]
    return "\n\n".join(block for block in blocks if block)


def headline(result: dict[str, Any]) -> list[tuple[str, str]]:
    """Return the few figures that a notebook card shows, as (name, value)."""
    return [
        ("step time", units.format_duration(result["step_time_s"])),
        ("per accelerator", f"{result['tflops_per_gpu']:.1f} TFLOP/s ({percent(result['mfu'])} MFU)"),
        ("throughput", f"{units.format_count(result['tokens_per_s'])} tokens/s"),
        ("memory", f"{_gigabytes(result['memory_bytes_per_gpu'])} per accelerator"),
        ("bottleneck", _bottleneck(result)),
        ("network", f"{_range(result['capital_cost_usd'])}; {units.format_power(result['network_power_w'])}"),
    ]


def fits(result: dict[str, Any]) -> bool:
    """Tell whether the job fits in the accelerators' memory; True where the result does not say."""
    return bool(result.get("memory", {}).get("fits", True))


def _verdict(result: dict[str, Any]) -> str:
    cluster, job = result.get("cluster", {}), result.get("job", {})
    title = f"{job.get('name', 'job')} on {cluster.get('name', 'cluster')}"
    if "accelerators" in cluster:
        title += f": {units.format_count(cluster['accelerators'])} x {cluster.get('accelerator', 'accelerator')}"
    lines = [heading(title)]
    about = [part for part in (_model(job), _layout(job.get("parallelism"))) if part]
    if about:
        lines.append("; ".join(about))
    memory = result.get("memory", {})
    room = f" of {_gigabytes(memory['capacity_bytes'])}" if memory.get("capacity_bytes") else ""
    used = f"{_gigabytes(result['memory_bytes_per_gpu'])}{room} a GPU"
    lines.append("")
    if fits(result):
        speed = f"{result['tflops_per_gpu']:.1f} TFLOP/s a GPU ({percent(result['mfu'])} MFU)"
        step = f"step {units.format_duration(result['step_time_s'])}"
        lines.append(style("Fits", "bold", "green") + f": {used}; {step}; {speed}")
        lines.append(f"Bottleneck: {_bottleneck(result)}")
    else:
        lines.append(
            style("Does not fit", "bold", "red") + f": it needs {used}; shard or recompute more, or use more GPUs"
        )
    return "\n".join(_wrapped(lines))


def _bottleneck(result: dict[str, Any]) -> str:
    """Name the link class that holds up the step most, and by how much of it."""
    exposed = result.get("bottleneck_exposed_s")
    if not exposed:
        return str(result["bottleneck"])
    return f"{result['bottleneck']} links, {percent(exposed / result['step_time_s'])} of the step"


def _model(job: dict[str, Any]) -> str:
    if not job.get("model"):
        return ""
    parameters = job.get("parameters")
    return f"{job['model']}, {parameters / 1e9:,.1f} B parameters" if parameters else str(job["model"])


def _layout(parallelism: Any) -> str:
    if not isinstance(parallelism, dict):
        return str(parallelism or "")
    names = {name: name.upper() for name in ("tp", "cp", "pp", "dp", "ep", "etp")}
    names = {"outer": "groups", **names, "interleave": "interleave"}
    parts = [f"{label} {parallelism[key]}" for key, label in names.items() if (parallelism.get(key) or 1) > 1]
    if parallelism.get("schedule", "1f1b") != "1f1b":
        parts.append(str(parallelism["schedule"]))
    if parallelism.get("zero"):
        parts.append(f"ZeRO {parallelism['zero']}")
    return ", ".join(parts) or "one rank"


def _step(result: dict[str, Any]) -> str:
    step = result["step_time_s"]
    parts = result["breakdown_s"]
    names = [name for name in parts if parts[name] > 0 or name in ("compute", "bubble")]
    rows = [
        [
            "  " + _STEP_NAMES.get(name, name),
            units.format_duration(parts[name]) if parts[name] else "0 s",
            percent(parts[name] / step if step else 0.0),
            "█" * round(_BAR * parts[name] / step) if coloured() and step else "",
        ]
        for name in names
    ]
    whole = ["  step", units.format_duration(step), "100.0%", ""]
    columns = [Column("Where a step goes"), Column("time", right=True), Column("share", right=True), Column("")]
    return table(columns, [*rows, whole])


def _figures(result: dict[str, Any]) -> str:
    items = [
        ("  throughput", f"{units.format_count(result['tokens_per_s'])} tokens/s"),
        ("  network, capital cost", _range(result["capital_cost_usd"])),
        ("  network, power", units.format_power(result["network_power_w"])),
    ]
    if result.get("cost_usd_per_trillion_tokens"):
        items.append(("  cost per trillion tokens", _range(result["cost_usd_per_trillion_tokens"])))
    if result.get("energy_J_per_trillion_tokens"):
        items.append(("  energy per trillion tokens", _energy(result["energy_J_per_trillion_tokens"])))
    return heading("What it takes") + "\n" + pairs(items)


def _memory(result: dict[str, Any]) -> str:
    memory = result.get("memory", {})
    names = {"weights_bytes", "gradients_bytes", "optimizer_bytes", "activations_bytes"}
    parts = [(key, value) for key, value in memory.items() if key.endswith("_bytes") and key != "capacity_bytes"]
    if not names & memory.keys():
        return ""
    items = [("  " + key.removesuffix("_bytes").replace("_", " "), _gigabytes(value)) for key, value in parts]
    items.append(("  in all", _gigabytes(result["memory_bytes_per_gpu"])))
    if "capacity_bytes" in memory:
        items.append(("  capacity", _gigabytes(memory["capacity_bytes"])))
    return heading("Memory per GPU, fullest rank") + "\n" + pairs(items)


def _warnings(result: dict[str, Any]) -> str:
    return "\n".join(warning_text(str(warning)) for warning in result.get("warnings", []))


def warning_text(warning: str) -> str:
    """Lay out a warning, under its word where it takes several lines."""
    first, *rest = textwrap.wrap(" ".join(warning.split()), width() - 9)
    return "\n".join([style("warning: ", "yellow") + first, *(" " * 9 + line for line in rest)])


def _provenance(result: dict[str, Any]) -> str:
    source = result.get("provenance", {})
    known = [f"weft {source['version']}"] if "version" in source else []
    known.append(f"engine {result['engine']}")
    if source.get("inputs_sha256"):
        known.append(f"inputs {str(source['inputs_sha256'])[:12]}")
    if source.get("catalog_revision"):
        known.append(f"catalog {str(source['catalog_revision'])[:12]}")
    if "wall_s" in result:
        known.append(f"computed in {units.format_duration(result['wall_s'])}")
    return style(", ".join(known), "dim")


def _wrapped(lines: Iterable[str]) -> list[str]:
    out: list[str] = []
    for line in lines:
        out += textwrap.wrap(line, width() + (20 if "\x1b" in line else 0)) or [""]
    return out


def _gigabytes(size_bytes: float) -> str:
    return f"{size_bytes / 1e9:.1f} GB"


def _energy(joules: float) -> str:
    watt_hours = joules / 3600
    for scale, unit in ((1e12, "TWh"), (1e9, "GWh"), (1e6, "MWh"), (1e3, "kWh")):
        if watt_hours >= scale:
            return f"{watt_hours / scale:.3g} {unit}"
    return f"{watt_hours:.3g} Wh"


def _range(value: dict[str, float]) -> str:
    """``typical (low to high)`` in money, or the one value where nothing is uncertain."""
    low, typical, high = (value[key] for key in ("low", "typical", "high"))
    if low == high:
        return units.format_money(typical)
    return f"{units.format_money(typical)} ({units.format_money(low)} to {units.format_money(high)})"
