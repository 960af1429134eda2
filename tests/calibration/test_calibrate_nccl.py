"""Calibration of a collective library: known constants are found again, and runs that were held out are predicted."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from nccl_output import log_text, published, published_log

from weft.calibration import Calibration, calibrate_nccl, write_overlay
from weft.calibration.constants import constants_of, scaled
from weft.calibration.nccl import group_of
from weft.calibration.nccl_log import read_nccl_log
from weft.catalog import load_catalog
from weft.collectives import canonical, estimate, load_library
from weft.collectives.library import Library, parts_of, with_parts
from weft.errors import ConfigError
from weft.fabric import Cluster, Node, build_fabric

Run = Callable[..., Any]
NO_ROW = "no row depends on it"
SIZES = [2.0**at for at in range(10, 33)]
H100 = Cluster(nodes=4, node=Node(system="dgx_h100"), scale_out={"topology": "rail_optimised"})


def one(system: str) -> Cluster:
    return Cluster(nodes=1, node=Node(system=system))


def altered(factors: dict[str, float]) -> Library:
    """NCCL on Hopper with some constants changed, by label."""
    catalog = load_catalog()
    parts = parts_of("nccl", "h100_sxm", ["ib_ndr"], catalog)
    constants = [(each, factors.get(each.label, 1.0)) for each in constants_of(parts)]
    return with_parts(load_library("nccl", catalog), [scaled(part, constants) for part in parts.values()])


def times(kind: str, ranks: list[int], library: Library, noise: float = 0.0) -> list[tuple[float, float]]:
    group = build_fabric(H100).group(ranks)
    spread = np.exp(noise * np.random.default_rng(len(ranks)).standard_normal(len(SIZES)))
    return [
        (size, estimate(kind, size, group, library=library).time_s * by) for size, by in zip(SIZES, spread, strict=True)
    ]


def test_constants_that_made_the_times_are_found(tmp_path: Path) -> None:
    truth = {"launch": 1.8, "rate of rings and copies": 0.9, "hop of a ring between nodes": 1.5}
    library, paths = altered(truth), []
    for kind, nodes in (("all_gather", 1), ("all_gather", 2), ("reduce_scatter", 4)):
        ranks = list(range(8 * nodes))
        path = tmp_path / f"{kind}{nodes}.log"
        path.write_text(log_text(kind, len(ranks), times(kind, ranks, library, 0.01), hosts=nodes))
        paths.append(path)
    found = calibrate_nccl(paths, H100)
    assert found.before.median > 0.1
    assert found.after.median < 0.015
    inside = {each.constant.label: each for each in found.outcomes if each.constant.part == "nccl_hopper"}
    across = {each.constant.label: each for each in found.outcomes if each.constant.part == "nccl_ib"}
    for label, value in truth.items():
        outcome = across[label] if "between" in label else inside[label]
        assert outcome.identified, label
        assert 0.98 * outcome.low <= value <= 1.02 * outcome.high, label
        assert outcome.factor == pytest.approx(value, rel=0.2 if "between" in label else 0.06), label
    for label in ("rate of all-to-all", "rate of trees inside a node", "launch of in-network kernels"):
        assert (inside[label].factor, inside[label].identified, inside[label].why_held) == (1.0, False, NO_ROW)
    held = [each for each in found.outcomes if not each.identified]
    assert all(each.why_held and each.factor == 1.0 for each in held)


def errors(found: Calibration, cluster: Cluster, series: str, op: str, ranks: int) -> tuple[float, float]:
    """Median |error| on a published log, with the catalog's constants and with the calibrated ones."""
    fabric = build_fabric(cluster)
    group, medians = fabric.group(range(ranks)), []
    for library in (load_library(found.library.name, fabric.catalog), found.library):
        error = [
            estimate(canonical(op), size, group, library=library).time_s / time - 1
            for size, time in published(series, op, ranks)
        ]
        medians.append(float(np.median(np.abs(error))))
    return medians[0], medians[1]


# One log of a system calibrates; another run on it is held out. Series of published nccl-tests logs.
HELD_OUT = [
    ("dgx_h100", ("aic_h100", "all_reduce", 8), ("aic_h100", "all_reduce", 4)),
    ("dgx_h100", ("aic_h100", "all_gather", 8), ("aic_h100", "reduce_scatter", 8)),
    ("dgx_h100", ("aic_h100", "alltoall", 8), ("aic_h100", "alltoall", 4)),
    ("dgx_a100", ("aic_a100", "all_reduce", 8), ("aic_a100", "all_reduce", 4)),
    ("dgx_a100", ("aic_a100", "all_reduce", 8), ("aic_a100", "reduce_scatter", 8)),
    ("dgx_a100", ("stas_a100_1n", "all_reduce", 8), ("azure_a100_1n", "all_reduce", 8)),
    ("dgx_a100", ("azure_a100_1n", "all_reduce", 8), ("stas_a100_1n", "all_reduce", 8)),
    ("dgx_h100", ("aic_h100", "reduce_scatter", 8), ("aic_h100", "all_gather", 8)),
    ("dgx_b200", ("aic_b200", "reduce_scatter", 8), ("aic_b200", "all_gather", 8)),
]


@pytest.mark.parametrize(("system", "own", "other"), HELD_OUT)
def test_one_log_predicts_another_run_of_the_same_system(
    tmp_path: Path, system: str, own: tuple[str, str, int], other: tuple[str, str, int]
) -> None:
    path = tmp_path / "run.log"
    path.write_text(published_log(*own))
    found = calibrate_nccl([path], one(system))
    _, after = errors(found, one(system), *other)
    assert after <= 0.07


def test_where_the_catalog_is_far_off_calibration_helps(tmp_path: Path) -> None:
    """Two clouds' A100 nodes launch kernels three times as slowly as the catalog's; either tells of the other."""
    path = tmp_path / "run.log"
    path.write_text(published_log("stas_a100_1n", "all_reduce", 8))
    before, after = errors(calibrate_nccl([path], one("dgx_a100")), one("dgx_a100"), "azure_a100_1n", "all_reduce", 8)
    assert after < before / 2


@pytest.fixture
def files(tmp_path: Path) -> Path:
    (tmp_path / "cluster.yaml").write_text("nodes: 1\nnode: {system: dgx_a100}\n")
    (tmp_path / "run.log").write_text(published_log("stas_a100_1n", "all_reduce", 8, device="NVIDIA A100-SXM4-80GB"))
    return tmp_path


def test_the_overlay_carries_what_was_found(weft: Run, files: Path) -> None:
    overlay = files / "mine.yaml"
    ran = weft("calibrate", "nccl", files / "run.log", "--cluster", files / "cluster.yaml", "-o", overlay, "--json")
    assert (ran.code, ran.err) == (0, "")
    answer = json.loads(ran.out)
    assert answer["schema"] == "weft.calibrate/1"
    assert answer["rows"] == 20 and answer["logs"][0]["kind"] == "all_reduce"
    assert answer["error_after"]["median_abs_error"] < answer["error_before"]["median_abs_error"]
    assert yaml.safe_load(overlay.read_text()) == answer["overlay"]
    (files / "own.yaml").write_text("nodes: 1\nnode: {system: dgx_a100}\ncatalog: [mine.yaml]\n")
    found = calibrate_nccl([files / "run.log"], files / "cluster.yaml")
    ran = weft("bench", "all_reduce", files / "own.yaml", "-b", "32K", "-e", "1G", "--json")
    group = build_fabric(one("dgx_a100")).group(range(8))
    for row in json.loads(ran.out)["rows"]:
        expected = estimate("all_reduce", row["size_bytes"], group, library=found.library).time_s
        assert row["time_s"] == pytest.approx(expected, rel=1e-4)
    again = calibrate_nccl([files / "run.log"], files / "own.yaml")
    assert all(abs(math.log(each.factor)) < 0.1 for each in again.outcomes)


def test_what_people_see(weft: Run, files: Path) -> None:
    ran = weft("calibrate", "nccl", files / "run.log", "--cluster", files / "cluster.yaml")
    assert ran.code == 0
    for text in ("launch", "held at the catalog's value", "no row depends on it", "95 % confidence", "median |error|"):
        assert text in ran.out


def test_the_same_logs_give_the_same_bytes(files: Path) -> None:
    for name in ("a.yaml", "b.yaml"):
        write_overlay(calibrate_nccl([files / "run.log"], files / "cluster.yaml"), files / name)
    assert (files / "a.yaml").read_bytes() == (files / "b.yaml").read_bytes()


def test_ranks_sit_where_the_log_has_them(tmp_path: Path) -> None:
    path = tmp_path / "run.log"
    path.write_text(log_text("all_reduce", 8, [(1e6, 1e-4)], hosts=2))
    group = group_of(build_fabric(H100), read_nccl_log(path))
    assert [level.ranks for level in group.levels][:1] == [4]
    assert group.levels[0].units == 2


@pytest.mark.parametrize(
    ("log", "says"),
    [
        (log_text("all_reduce", 16, [(1e6, 1e-4)], hosts=2, device="NVIDIA A100-SXM4-80GB"), "cluster 8 accelerators"),
        (log_text("all_reduce", 8, [(1e6, 1e-4)], hosts=2, device="NVIDIA A100-SXM4-80GB"), "the cluster has 1 nodes"),
        (log_text("all_reduce", 8, [(1e6, 1e-4)]), "the log is of NVIDIA H100 80GB HBM3, the cluster of a100_sxm_80"),
        (log_text("all_reduce", 8, [(1e6, 1e-4), (2e6, 2e-4)], device="")[:-180], "cut off"),
        ("", "is empty"),
        ("nodes: 1\n", "no log of nccl-tests"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(weft: Run, files: Path, log: str, says: str) -> None:
    (files / "bad.log").write_text(log)
    ran = weft("calibrate", "nccl", files / "run.log", files / "bad.log", "--cluster", files / "cluster.yaml")
    assert (ran.code, ran.out) == (2, "")
    assert says in ran.err and "bad.log" in ran.err
    assert ran.err.count("\n") == 1


def test_no_logs_and_forced_algorithms(files: Path) -> None:
    with pytest.raises(ConfigError, match="at least one log"):
        calibrate_nccl([], files / "cluster.yaml")
    with pytest.raises(ConfigError, match="unknown algorithm"):
        calibrate_nccl([files / "run.log"], files / "cluster.yaml", algorithm="loop")
    forced = calibrate_nccl([files / "run.log"], files / "cluster.yaml", algorithm="ring")
    assert all(not each.identified for each in forced.outcomes if "tree" in each.constant.label)
