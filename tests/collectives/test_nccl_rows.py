"""Published logs: how their words are read, and how near the predictions come."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import weft.validation
from weft.validation.nccl import predict
from weft.validation.nccl_setup import Network, UnsupportedError, read_setup
from weft.validation.rows import Prediction, RowFile, read_rows
from weft.validation.summary import percentile

H100 = {"accel": "H100-SXM5-80GB", "n_ranks": 32, "n_nodes": 4, "gpus_per_node": 8}
GB = 1e9 / 8


@pytest.mark.parametrize(
    ("words", "network"),
    [
        ("8x NDR 400 Gb/s InfiniBand per node", Network(8, 400 * GB, "ib")),
        (
            "8x NDR 400 Gb/s InfiniBand per node, rail-optimised fat tree, SHARP enabled",
            Network(8, 400 * GB, "ib", True),
        ),
        ("8x400 Gb/s", Network(8, 400 * GB, "ib")),
        ("4x HDR 200 Gb/s per node (100 GB/s/node)", Network(4, 200 * GB, "ib")),
        ("8x NDR", Network(8, 400 * GB, "ib")),
        ("1x100 Gb/s IB per node", Network(1, 100 * GB, "ib")),
        ("EFA v2 32x100 Gb/s per node", Network(32, 100 * GB, "efa_srd")),
        ("EFA v3 16 x 200 Gbps", Network(16, 200 * GB, "efa_srd")),
        ("16x100 Gb/s RoCE v2 ConnectX-5 per node (200 GB/s/node), VFs", Network(16, 100 * GB, "eth")),
        ("OCI RoCE v2, 16x200 Gb/s per node (BM.GPU.H100.8)", Network(16, 200 * GB, "eth")),
        ("8x200 Gb/s GPUDirect-TCPXO (200 GB/s/node)", Network(8, 200 * GB, "tcpxo")),
        ("4x200 Gb/s GPUDirect-TCPX (100 GB/s/node)", Network(4, 200 * GB, "tcpx")),
        ("RoCE, 3.2 Tb/s per node", Network(8, 400 * GB, "eth")),
        ("InfiniBand, 400 Gb/s per GPU", Network(8, 400 * GB, "ib")),
    ],
)
def test_networks_are_read_from_words(words: str, network: Network) -> None:
    assert read_setup({**H100, "inter": words}).network == network


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({**H100, "inter": "not stated on that page"}, "network between nodes is not stated"),
        ({**H100, "inter": "Omni-Path 100 Gb/s class"}, "number or rate of NICs per node is not stated"),
        ({**H100, "accel": "L40S", "intra": "PCIe 4.0 x16"}, "joined by PCIe"),
        ({**H100, "accel": "Ponte Vecchio"}, "the catalog has no accelerator Ponte Vecchio"),
        ({"accel": "H100"}, "number of ranks is not stated"),
        ({"n_ranks": 8}, "accelerator is not stated"),
        ({**H100, "n_nodes": 5, "inter": "8x400 Gb/s"}, "do not spread evenly"),
        ({**H100, "n_ranks": "many"}, "n_ranks should be a whole number"),
    ],
)
def test_what_cannot_be_read_says_why(row: dict[str, Any], reason: str) -> None:
    with pytest.raises(UnsupportedError, match=reason):
        read_setup(row)


def test_trays_of_a_rack_share_nvlink() -> None:
    inside = read_setup({"accel": "GB300", "n_ranks": 64, "n_nodes": 16, "gpus_per_node": 4, "inter": "8x 400G RoCE"})
    assert (inside.units, inside.domain, inside.network) == (1, 72, None)
    across = read_setup({"accel": "GB200", "n_ranks": 144, "n_nodes": 36, "inter": "InfiniBand, 400 Gb/s per GPU NIC"})
    assert (across.units, across.network) == (2, Network(72, 400 * GB, "ib"))
    said = read_setup(
        {
            "accel": "GB300",
            "n_ranks": 16,
            "n_nodes": 4,
            "gpus_per_node": 4,
            "note": "two racks",
            "inter": "8x 400G RoCE",
        }
    )
    assert (said.units, said.network) == (2, Network(144, 400 * GB, "eth"))


@cache
def predictions() -> tuple[RowFile, list[Prediction]]:
    file = read_rows(Path(weft.validation.__file__).parent / "data" / "nccl.yaml")
    return file, [p for row in file.rows for p in predict(row, file)]


def errors(*, least: float, most: float, stack: str = "nccl") -> list[float]:
    found = [
        abs(p.relative_error)
        for p in predictions()[1]
        if p.relative_error is not None and p.stack == stack and least <= (p.size_bytes or 1e12) < most
    ]
    return sorted(found)


def test_every_row_has_a_prediction_or_a_reason() -> None:
    file, found = predictions()
    assert {row["id"] for row in file.rows} == {p.id for p in found}
    assert all(p.reason for p in found if p.status == "unsupported")
    assert sum(p.status == "ok" for p in found) > 0.7 * len(found)


ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-10, 10**6),
    st.floats(allow_nan=True),
    st.sampled_from(["", "8", "H100", "8x400 Gb/s", "0x0 Gb/s", "99999x99999 Tb/s", "-1", "x" * 500]),
    st.lists(st.integers(), max_size=2),
)
FIELDS = ("op", "accel", "n_ranks", "n_nodes", "gpus_per_node", "size_B", "inter", "intra", "algo", "lib", "note")


@settings(max_examples=300, deadline=None, derandomize=True)
@given(
    st.dictionaries(st.sampled_from(FIELDS), ODD, max_size=3),
    st.dictionaries(st.sampled_from(["busbw_GBps", "x"]), ODD),
)
def test_odd_rows_are_answered_with_a_reason(odd: dict[str, Any], measured: dict[str, Any]) -> None:
    good = {"id": "x-1", "op": "all_reduce", "size_B": 2**30, "inter": "8x400 Gb/s", "measured": {"time_us": 1.0}}
    row = {**H100, **good, **odd, "measured": {**good["measured"], **measured}}  # type: ignore[dict-item]
    answers = predict(row, RowFile("nccl", {}, {}, [row], ""))
    assert answers
    for found in answers:
        assert found.status == "ok" or found.reason
        assert found.predicted is None or 0 <= found.predicted < float("inf")


def test_bandwidth_of_large_messages() -> None:
    """Median within 4 % and nine in ten within 15 % at 64 MB and more; the goal was 15 % for the median."""
    large = errors(least=64e6, most=1e15)
    assert len(large) > 300
    assert percentile(large, 0.5) < 0.04
    assert percentile(large, 0.9) < 0.15


def test_time_of_small_messages() -> None:
    small = errors(least=0, most=64e6)
    assert len(small) > 1000
    assert percentile(small, 0.5) < 0.12


def test_amd_is_predicted_too() -> None:
    assert percentile(errors(least=64e6, most=1e15, stack="rccl"), 0.5) < 0.08
