"""Copper, optics or microLED for a scale-up domain of several racks?

Eight NVL72 racks as one domain of 576 GPUs. Every NVLink leaves its rack over 10 m of a medium, and the cables that
carry them are priced, powered and counted for failures from the catalog. Run from the repository's root:

    python examples/studies/microled_scale_up.py
"""

from __future__ import annotations

from predicted_published import Row, percent, print_rows, times

from weft import Cluster
from weft.economics import bill_of_materials
from weft.errors import InfeasibleError
from weft.fabric import Fabric, build_fabric
from weft.report.terminal import Column, table
from weft.units import format_count, format_duration, format_money, format_power

RACKS, LENGTH_M = 8, 10
MEDIA = {
    "passive copper": "dac_800g_osfp_100g_pam4",
    "active copper": "aec_800g_100g_pam4",
    "active optical cable": "aoc_800g_osfp",
    "retimed optics": "optic_800g_dr8_dsp",
    "linear optics": "lpo_800g_dr8",
    "microLED": "microled_mosaic_800g_paper",
}
HOUR_S = 3600.0


def domain(medium: str, racks: int = RACKS, length_m: float = LENGTH_M, catalog: tuple[str, ...] = ()) -> Fabric:
    """Build one scale-up domain whose links leave their racks over a medium."""
    scale_up = {"medium": medium, "length": f"{length_m}m"}
    node = {"system": "gb200_nvl72_rack", "accelerators": 72 * racks, "nics": 0, "scale_up": scale_up}
    return build_fabric(Cluster.model_validate({"nodes": 1, "node": node, "catalog": list(catalog)}))


def between_failures_s(fabric: Fabric) -> float:
    """Return the mean time between failures of cables or modules."""
    rate = 0.0
    for line in bill_of_materials(fabric).lines:
        if line.kind in ("cable", "module"):
            rate += line.count * fabric.catalog.get("media", line.part).si("fit")
    return 1 / rate


def rows(catalog: tuple[str, ...] = ()) -> list[Row]:
    """Return predicted figures beside the published ones."""
    led, aoc = (domain(MEDIA[name], catalog=catalog) for name in ("microLED", "active optical cable"))
    power = {name: bill_of_materials(each).power_w for name, each in (("led", led), ("aoc", aoc))}
    copper = led.catalog.get("media", MEDIA["passive copper"]).si("reach_m")
    reach = led.catalog.get("media", MEDIA["microLED"]).si_range("reach_m")
    rack = domain(MEDIA["retimed optics"], racks=1, catalog=catalog)
    return [
        Row(
            "power below optical cables, best of both",
            1 - power["led"].low / power["aoc"].low,
            "mosaic_power_cut",
            percent,
        ),
        Row(
            "power below optical cables, typical",
            1 - power["led"].typical / power["aoc"].typical,
            "mosaic_power_cut",
            percent,
        ),
        Row("reach over copper, measured (20 m)", reach.low / copper, "mosaic_reach_x", times),
        Row("reach over copper, projected (50 m)", reach.typical / copper, "mosaic_reach_x", times),
        Row("one NVL72 with retimed optics", bill_of_materials(rack).power_w.typical, "nvl72_optics_w", format_power),
        Row("100,000 GPUs, hours between failures", _cluster_hours(catalog), "failures_100k_h", lambda h: f"{h:.1f} h"),
    ]


def _cluster_hours(catalog: tuple[str, ...]) -> float:
    """Return hours between link failures in a three-tier network of 100,000 GPUs."""
    network = {"topology": "fat_tree", "protocol": "roce", "medium": "optic_400g_dr4_dsp"}
    spec = {"nodes": 12_500, "node": {"system": "dgx_h100"}, "scale_out": network, "catalog": list(catalog)}
    return between_failures_s(build_fabric(Cluster.model_validate(spec))) / HOUR_S


def main() -> None:
    """Print each medium, then predicted beside published."""
    lines = []
    for name, medium in MEDIA.items():
        try:
            fabric = domain(medium)
        except InfeasibleError:
            lines.append((name, medium, "too short", *("-",) * 5))
            continue
        bill = bill_of_materials(fabric)
        cables = bill.cost_of("cable", "module", "fibre")
        links = sum(line.count for line in bill.lines if line.kind in ("cable", "fibre"))
        lines.append(
            (
                name,
                medium,
                f"{fabric.catalog.get('media', medium).si('reach_m'):g} m",
                format_count(links),
                format_power(bill.power_w.typical),
                format_money(cables.typical),
                format_duration(fabric.plan.scale_up.latency_s),
                format_duration(between_failures_s(fabric)),
            )
        )
    columns = [Column("NVLink over"), Column("part", shrinks=True), Column("reach", shrinks=True)]
    columns += [Column(name, right=True) for name in ("cables", "power", "cost", "latency", "a failure every")]
    print(f"{72 * RACKS} GPUs in {RACKS} racks, {LENGTH_M} m apart\n")
    print(table(columns, lines) + "\n")
    print_rows(rows())


if __name__ == "__main__":
    main()
