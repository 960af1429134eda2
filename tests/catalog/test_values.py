"""Spot values against what vendors and papers print, typed by hand."""

from __future__ import annotations

import pytest

from weft.catalog import load_catalog

PUBLISHED = [
    # NVIDIA H100 datasheet: 1,979 TFLOP/s BF16 with sparsity; NVLink 900 GB/s both ways; 3.35 TB/s; 80 GB; 700 W
    ("accelerators", "h100_sxm", "bf16_dense_tflops", 1979e12 / 2),
    ("accelerators", "h100_sxm", "scale_up_gBps_uni", 900e9 / 2),
    ("accelerators", "h100_sxm", "hbm_tBps", 3.35e12),
    ("accelerators", "h100_sxm", "hbm_gb", 80e9),
    ("accelerators", "h100_sxm", "tdp_w", 700),
    # NVIDIA A100 datasheet: 312 TFLOP/s; 600 GB/s NVLink; 2,039 GB/s
    ("accelerators", "a100_sxm_80", "bf16_dense_tflops", 312e12),
    ("accelerators", "a100_sxm_80", "scale_up_gBps_uni", 600e9 / 2),
    ("accelerators", "a100_sxm_80", "hbm_tBps", 2039e9),
    ("accelerators", "v100_sxm2_32", "bf16_dense_tflops", 125e12),
    ("accelerators", "h200_sxm", "hbm_gb", 141e9),
    # HGX B200: 18 PFLOP/s dense BF16 for eight; NVLink 5 1.8 TB/s both ways
    ("accelerators", "b200_hgx", "bf16_dense_tflops", 18e15 / 8),
    ("accelerators", "gb200_nvl72", "scale_up_gBps_uni", 1.8e12 / 2),
    # AMD MI300X: 1,307.4 TFLOP/s; 5.3 TB/s; seven links of 128 GB/s both ways
    ("accelerators", "mi300x", "bf16_dense_tflops", 1307.4e12),
    ("accelerators", "mi300x", "scale_up_gBps_uni", 7 * 128e9 / 2),
    ("accelerators", "h100_96_hbm2e", "hbm_tBps", 2.4e12),
    ("accelerators", "l40s", "hbm_tBps", 864e9),
    # Quantum-2 QM9700: 64 x 400 Gb/s, 51.2 Tb/s counted both ways
    ("switches", "nv_qm9700", "capacity_tbps", 51.2e12 / 2 / 8),
    ("switches", "nv_qm9700", "ports_count", 64),
    ("switches", "nv_qm9700", "port_rate_gbps", 400e9 / 8),
    ("switches", "bcm_tomahawk5", "capacity_tbps", 51.2e12 / 8),
    ("switches", "bcm_tomahawk4", "capacity_tbps", 25.6e12 / 8),
    ("switches", "bcm_tomahawk6", "capacity_tbps", 102.4e12 / 8),
    ("switches", "nv_q3400", "radix_max", 144),
    # NVSwitch 3: 64 NVLink ports, 3.2 TB/s both ways
    ("switches", "nvswitch3", "capacity_tbps", 3.2e12 / 2),
    ("nics", "cx7", "port_gbps", 50e9),
    ("protocols", "nvlink4", "gpu_gBps_uni", 18 * 25e9),
    ("protocols", "ib_ndr", "port_gbps", 50e9),
    # 1 / (c / 1.468): light in single-mode fibre
    ("media", "prop_smf", "propagation_ns_per_m", 1.468 / 299_792_458),
    ("media", "dac_800g_osfp_100g_pam4", "rate_gbps_port", 100e9),
    ("systems", "dgx_h100", "power_kw_max", 10_200),
    ("systems", "gb200_nvl72_rack", "scale_up_switches", 18),
    # TPU v4, NSDI 2024: 0.08 % of machines fail a day
    ("reliability", "tpuv4_machine", "failure_pct_per_day", 0.0008 / 86400),
    # Llama 3: 419 unplanned interruptions in 54 days on 16,384 GPUs
    ("reliability", "llama3_total", "unplanned_fit_per_gpu", 419 / (54 * 86400 * 16384)),
    ("reliability", "rsc1_node", "failures_per_1000_node_days", 6.5 / 1000 / 86400),
]


@pytest.mark.parametrize(("kind", "part", "field", "expected"), PUBLISHED)
def test_value(kind: str, part: str, field: str, expected: float) -> None:
    assert load_catalog().get(kind, part).si(field) == pytest.approx(expected, rel=2e-3)


@pytest.mark.parametrize(
    ("system", "accelerators", "switches", "nics", "rate_gbps"),
    [
        ("dgx1_v100", 8, 0, 4, 100),
        ("dgx_a100", 8, 6, 8, 200),
        ("dgx_h100", 8, 4, 8, 400),
        ("dgx_h200", 8, 4, 8, 400),
        ("grand_teton_h100", 8, 4, 8, 400),
        ("dgx_b200", 8, 2, 8, 400),
        ("gb200_nvl72_rack", 72, 18, 72, 400),
        ("gb300_nvl72_rack", 72, 18, 72, 800),
        ("mi300x_platform", 8, 0, 8, 400),
    ],
)
def test_what_a_node_is_made_of(system: str, accelerators: int, switches: int, nics: int, rate_gbps: int) -> None:
    cat = load_catalog()
    node = cat.get("systems", system)
    assert node.si("accelerators") == accelerators
    assert (node.si("scale_up_switches") if node.has("scale_up_switches") else 0) == switches
    assert node.si("nics") == nics
    assert cat.get("nics", str(node.text("nic"))).fact("port_gbps").typical == rate_gbps


NEEDED = (
    "bf16_dense_tflops",
    "hbm_gb",
    "hbm_tBps",
    "scale_up_gBps_uni",
    "scale_up_domain",
    "scale_out_gbps",
    "tdp_w",
    "price_usd",
)


def test_every_accelerator_has_what_a_simulation_needs_unless_its_maker_is_silent() -> None:
    silent = {"tpu_8t", "tpu_8i", "maia_100"}
    for part in load_catalog().parts("accelerators"):
        missing = [name for name in NEEDED if not part.has(name)]
        assert not missing or part.id in silent, (part.id, missing)
