"""Graphs from files: the same as their built-in twins, whatever the order and the names; errors by line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from weft.errors import ConfigError, InfeasibleError
from weft.fabric import Cluster, Domain, Fabric, build_fabric, load_cluster
from weft.fabric.tables import SWITCHES

Make = Callable[..., Fabric]


def written(fabric: Fabric, path: Path, *, hosts: bool = False, rename: Callable[[str], str] = str) -> Path:
    """Write a fabric's links between switches (and hosts) to a file."""
    kinds = fabric.nodes.kind
    lines = ["a,b"]
    for a, b in zip(fabric.links.src[::2].tolist(), fabric.links.dst[::2].tolist(), strict=True):
        if kinds[b] in SWITCHES and (kinds[a] in SWITCHES or hosts):
            names = [fabric.node_name(end) for end in (a, b)]
            lines.append(
                ",".join(
                    rename(name) if kinds[end] in SWITCHES else name for name, end in zip(names, (a, b), strict=True)
                )
            )
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.mark.parametrize("hosts", [False, True])
def test_a_leaf_spine_written_as_edges_is_that_leaf_spine(make: Make, tmp_path: Path, hosts: bool) -> None:
    built = make("leaf_spine", nodes=16, gpus=4, radix=16, length="3m", oversubscription=3)
    path = written(built, tmp_path / "edges.csv", hosts=hosts)
    read = make("edge_list", nodes=16, gpus=4, radix=16, length="3m", file=str(path), **({} if hosts else {"p": 12}))
    assert read.by_kind == built.by_kind
    assert read.by_medium == built.by_medium
    assert [c.name for c in read.link_classes] == [c.name for c in built.link_classes]
    assert read.bisection_Bps == built.bisection_Bps
    assert pairs(read) == pairs(built)
    for ranks in (range(64), range(0, 64, 4), [0, 5]):
        a, b = read.group(ranks).levels, built.group(ranks).levels
        assert [(x.ranks, x.units, x.oversubscription) for x in a] == [
            (x.ranks, x.units, x.oversubscription) for x in b
        ]
        assert [x.latency_s for x in a] == pytest.approx([x.latency_s for x in b])


def pairs(fabric: Fabric) -> list[tuple[str, str]]:
    rows = np.flatnonzero(fabric.links.domain == Domain.SCALE_OUT)
    return sorted(
        (fabric.node_name(int(fabric.links.src[r])), fabric.node_name(int(fabric.links.dst[r]))) for r in rows
    )


def test_names_and_order_change_nothing(make: Make, brute: Any, tmp_path: Path) -> None:
    built = make("torus", nodes=24, gpus=1, dims=[4, 3, 2], p=1, length="10m")
    shuffle = np.random.default_rng(3).permutation(24)
    path = written(built, tmp_path / "edges.txt", hosts=True, rename=lambda name: f"sw-{shuffle[int(name[6:])]}")
    head, *lines = path.read_text().splitlines()
    mixed = [lines[i].replace(",", " \t") for i in np.random.default_rng(4).permutation(len(lines))]
    path.write_text("\n".join(["# a torus", head.replace(",", " "), "", *mixed]))
    read = make("edge_list", nodes=24, gpus=1, length="10m", file=str(path))
    assert set(read.network.switch_names) == {f"sw-{n}" for n in range(24)}
    assert read.by_kind == built.by_kind
    assert read.cables() == built.cables()
    there, here = (np.sort(brute.hops(brute.rates(f)).sum(axis=0)) for f in (read, built))
    assert np.array_equal(there, here)
    near, far = read.network.tiers
    assert (near.latency_s, far.latency_s) == pytest.approx([tier.latency_s for tier in built.network.tiers])


def test_bisection_is_what_flows_between_the_halves(make: Make, tmp_path: Path) -> None:
    """Two triangles joined by a thin link and a thick one."""
    path = tmp_path / "edges.csv"
    path.write_text("x1,x2\nx2,x3\nx1,x3\ny1,y2\ny2,y3\ny1,y3\nx1,y1,100Gb/s\nx2,y2,400Gb/s,20m,2\n")
    fabric = make("edge_list", nodes=24, gpus=1, file=str(path))
    assert fabric.bisection_Bps == pytest.approx((100 + 2 * 400) * 1e9 / 8)
    assert sorted({(c.rate_Bps, c.length_m, c.cables) for c in fabric.link_classes if c.name == "router-router"}) == [
        (12.5e9, 10.0, 1),
        (50e9, 10.0, 6),
        (50e9, 20.0, 2),
    ]


def test_hosts_fill_the_switches_that_are_named_in_their_order(make: Make, tmp_path: Path) -> None:
    path = tmp_path / "edges.csv"
    path.write_text("tor-a,agg\ntor-b,agg\ntor-c,agg\n")
    fabric = make("edge_list", nodes=4, gpus=1, file=str(path), attach=["tor-c", "tor-*"], p=2)
    at = [fabric.network.switch_names[unit] for unit in fabric.network.tiers[0].unit]
    assert at == ["tor-c", "tor-c", "tor-a", "tor-a"]


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("a,b\ns1,s2\ns2,s2\n", 3, "joins 's2' to itself"),
        ("s1,s2\ns3\n", 2, "no b: a line names two ends"),
        ("a,b,speed\ns1,s2,400G\n", 1, "unknown column 'speed'"),
        ("a,b,a\n", 1, "column 'a' is named twice"),
        ("s1,s2,fast\n", 1, "fast"),
        ("s1,s2,400Gb/s,far\n", 1, "far"),
        ("s1,s2,,,1.5\n", 1, "count is a whole number"),
        ("s1,s2,,,0\n", 1, "count is a whole number"),
        ("s1,s2,,,1,x\n", 1, "6 values for the columns"),
        ("host0,host1\n", 1, "joins two hosts"),
        ("host0,s1,100Gb/s\n", 1, "set under scale_out"),
        ("host0,s1\nhost9,s1\n", 2, "there is no host9"),
        ("host0,s1\nhost0/nic0,s1\n", 2, "a link for this NIC already"),
        ("host0,s1\n", None, "1 NICs have no link, host1/nic0 first"),
        ("host0,s1\nhost1,s2\n", None, "no way from 's1' to 's2'"),
        ("# nothing\n", None, "has no links"),
    ],
)
def test_wrong_lines(make: Make, tmp_path: Path, text: str, line: int | None, message: str) -> None:
    path = tmp_path / "edges.csv"
    path.write_text(text)
    with pytest.raises(ConfigError, match=message) as caught:
        make("edge_list", nodes=2, gpus=1, file=str(path))
    assert (caught.value.file, caught.value.line) == (str(path), line)


def test_wrong_options(make: Make, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot read") as caught:
        make("edge_list", nodes=2, gpus=1, file=str(tmp_path / "none.csv"))
    assert caught.value.field == "scale_out.file"
    path = tmp_path / "edges.csv"
    path.write_text("s1,s2,,,20\ns1,s3\n")
    with pytest.raises(InfeasibleError, match=r"'s1' needs 22 ports, .* has 16"):
        make("edge_list", nodes=3, gpus=1, file=str(path), radix=16)
    with pytest.raises(ConfigError, match="no switch is called 'tor"):
        make("edge_list", nodes=2, gpus=1, file=str(path), attach=["tor*"])
    path.write_text("host0,s1\nhost1,s1\n")
    with pytest.raises(ConfigError, match="says where hosts stand"):
        make("edge_list", nodes=2, gpus=1, file=str(path), p=4)
    assert make("edge_list", nodes=2, gpus=1, file=str(path)).switches == 1


def test_the_file_is_found_beside_the_cluster_file(tmp_path: Path) -> None:
    (tmp_path / "links.csv").write_text("s1,s2\n")
    text = "nodes: 2\nnode: {system: dgx_h100}\nscale_out: {topology: edge_list, file: links.csv}\n"
    (tmp_path / "cluster.yaml").write_text(text)
    assert build_fabric(load_cluster(tmp_path / "cluster.yaml")).switches == 2


def test_nodes_join_separate_planes(make: Make, tmp_path: Path) -> None:
    path = tmp_path / "edges.csv"
    path.write_text("".join(f"host{n}/nic{r},rail{r}\n" for n in range(4) for r in range(2)))
    fabric = build_fabric(
        Cluster.model_validate(
            {
                "nodes": 4,
                "node": {"accelerator": "h100_sxm", "accelerators": 2, "nic": "cx7", "nics": 2},
                "scale_out": {"topology": "edge_list", "file": str(path)},
            }
        )
    )
    assert fabric.switches == 2
    assert fabric.group(range(8)).levels[-1].ranks == 8
