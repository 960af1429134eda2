"""Which facts of the catalog a part of a step rests on: value, range, source and trust, read from the catalog's parts.

Only the names of facts stand here. What they hold, and who says so, comes from the parts themselves, with the user's
own laid over them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from weft.catalog import Catalog, Part
from weft.catalog.field_units import field_unit
from weft.workload.roofline import FORMATS, generation_of
from weft.workload.training import Plan

# By rung, the facts of each kind of part; {p} is the precision, {r} that whose published rate it has. The head and all
# else outside layers is in 16 bits.
_ACCELERATOR = {
    "peak": ("{r}_dense_tflops", "bf16_dense_tflops"),
    "clock": ("tdp_w",),
    "products": ("hbm_tBps",),
    "attention": ("bf16_dense_tflops",),
    "quantisation": ("hbm_tBps",),
    "memory": ("hbm_tBps",),
    "exposed_offload": ("host_copy_gBps", "host_memory_gBps"),
}
_KERNELS = {
    "clock": ("{p}_sustained_frac", "{r}_sustained_frac", "bf16_sustained_frac", "reference_power_w"),
    "products": (
        *("{p}_gemm_frac", "{p}_gemm_prologue_k_count", "{p}_gemm_memory_frac"),
        *("bf16_gemm_frac", "bf16_gemm_prologue_k_count", "bf16_gemm_memory_frac"),
        *("bf16_small_tile_frac", "unaligned_frac", "multiprocessors_count"),
    ),
    "quantisation": ("{p}_cast_frac",),
    "memory": ("stream_frac",),
    "overheads": ("launch_us",),
    "beside": ("overlap_slowdown_frac",),
}
# A stack's facts, with or without its generation before them, as patterns: it has one for every kind of work.
_STACK = {
    "clock": ("experts_multiprocessors_count",),
    "products": ("gemm_x", "gradient_bytes_*"),
    "memory": (
        *("*_hidden_count", "*_ffn_count", "*_bias_count", "*_passes_count", "dropout_count"),
        *("loss_bytes_*", "optimizer_*"),
    ),
    "overheads": ("*_kernels_count", "*_overhead_*", "*_host_us"),
    "exposed_tp": ("tp_hidden_frac",),
    "exposed_pp": ("handover_us",),
    "exposed_ep": ("ep_hidden_frac",),
    "exposed_dp": ("gather_rate_x", "exchange_pieces_count", "reduce_bytes_*"),
    "exposed_offload": ("gradient_bytes_*", "offload*_bytes_*", "host_optimizer_*"),
}


@dataclass(frozen=True, slots=True)
class Citation:
    """One fact of one part, as the catalog has it.

    Attributes:
        kind, part: which part of the catalog.
        fact: its name there.
        low, typical, high: in ``unit``.
        confidence: how far to trust it.
        flags: what to know before quoting it: recalled, derived, vendor claim, own estimate.
        sources: (id, title, address) of each; the address is empty where there is none.
    """

    kind: str
    part: str
    fact: str
    low: float
    typical: float
    high: float
    unit: str
    confidence: str
    flags: tuple[str, ...]
    sources: tuple[tuple[str, str, str], ...]

    def to_dict(self) -> dict[str, Any]:
        """Return it for machines."""
        return {
            "kind": self.kind,
            "part": self.part,
            "fact": self.fact,
            "low": self.low,
            "typical": self.typical,
            "high": self.high,
            "unit": self.unit,
            "confidence": self.confidence,
            "flags": list(self.flags),
            "sources": [{"id": name, "title": title, "url": url} for name, title, url in self.sources],
        }


def cite(catalog: Catalog, part: Part, facts: Iterable[str]) -> Iterator[Citation]:
    """Yield those facts that a part has."""
    for name in dict.fromkeys(facts):
        if name not in part.facts:
            continue
        fact = part.facts[name]
        found = [catalog.source(each) for each in fact.sources]
        yield Citation(
            part.kind,
            part.id,
            name,
            fact.low,
            fact.typical,
            fact.high,
            fact.unit or field_unit(name).label,
            fact.confidence,
            fact.flags,
            tuple((each.id, each.title, each.url) for each in found),
        )


def basis_of(name: str, plan: Plan, catalog: Catalog, accelerator: Part) -> tuple[Citation, ...]:
    """The facts that a bar of the waterfall rests on, less those of the network.

    Args:
        name: of a `weft.explain.ladder.Rung`, or an entry of the breakdown.
        plan: the job.
        catalog: the parts in use.
        accelerator: its part.
    """
    generation = generation_of(catalog, accelerator)
    form = FORMATS[plan.job.precision]

    def named(facts: Iterable[str]) -> list[str]:
        return [fact.format(p=form.constants, r=form.peak) for fact in facts]

    found = [*cite(catalog, accelerator, named(_ACCELERATOR.get(name, ())))]
    found += cite(catalog, catalog.get("kernels", generation), named(_KERNELS.get(name, ())))
    lineage = _lineage(catalog, plan.stack.id)
    if name != "clock" or plan.mapping.ep > 1:
        found += _of_stack(catalog, lineage, generation, _STACK.get(name, ()))
    if name == "attention":
        found += _attention(catalog, plan, lineage, generation)
    return tuple(found)


def _attention(catalog: Catalog, plan: Plan, lineage: list[Part], generation: str) -> Iterator[Citation]:
    """The kernel that the stack runs, unless the job says whether it is fused."""
    kernel, asked = next((part.text("attention") or "" for part in lineage if part.text("attention")), ""), None
    if plan.job.flash_attention is not None and plan.job.flash_attention is (kernel == "unfused"):
        asked = "flash2" if plan.job.flash_attention else "unfused"
    part = catalog.get("attention", asked or kernel)
    own = [name for name in part.facts if name.startswith(f"{generation}_")]
    plain = [name for name in part.facts if name.endswith("passes_count")]
    yield from cite(catalog, part, own or plain or [name for name in part.facts if name.startswith("ampere_")])


def _lineage(catalog: Catalog, stack: str) -> list[Part]:
    """A stack and those it extends, nearest first."""
    lineage = [catalog.get("stacks", stack)]
    while (parent := lineage[-1].text("extends")) is not None and len(lineage) < 10:
        lineage.append(catalog.get("stacks", parent))
    return lineage


def _of_stack(
    catalog: Catalog, lineage: Iterable[Part], generation: str, patterns: tuple[str, ...]
) -> Iterator[Citation]:
    """The facts that fit a pattern: of the nearest part that has them, for this generation before those for all."""
    others = tuple(f"{part.id}_" for part in catalog.parts("kernels") if part.id != generation)
    seen: set[str] = set()
    for part in lineage:
        for name in sorted(part.facts, key=lambda name: not name.startswith(f"{generation}_")):
            plain = name.removeprefix(f"{generation}_")
            if plain not in seen and not name.startswith(others) and any(fnmatchcase(plain, p) for p in patterns):
                seen.add(plain)
                yield from cite(catalog, part, [name])
