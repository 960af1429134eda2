"""What is exported has not drifted; what was broken on purpose is found, by the right rule, at the right place."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from weft.drift import RULES, Finding, drift
from weft.errors import ConfigError
from weft.export.configs import export_configs
from weft.fabric import Cluster, Fabric, build_fabric, load_cluster


def lab(root: Path, **underlay: Any) -> Fabric:
    cluster = load_cluster(root / "examples/lab/leaf-spine/cluster.yaml")
    return build_fabric(cluster.model_copy(update={"underlay": cluster.underlay.model_copy(update=underlay)}))


def places(findings: tuple[Finding, ...]) -> set[tuple[str, str, str]]:
    return {(finding.rule, finding.device, finding.port) for finding in findings}


@pytest.mark.parametrize("to", ["frr", "sonic"])
@pytest.mark.parametrize("bgp", ["unnumbered", "numbered"])
def test_what_is_exported_has_not_drifted(to: str, bgp: str, root: Path, tmp_path: Path) -> None:
    fabric = lab(root, bgp=bgp)
    export_configs(fabric, to, tmp_path / "out")
    found = drift(fabric, tmp_path / "out")
    assert found.findings == ()
    assert (found.devices, found.read) == (6, 6)


def sub(pattern: str, by: str) -> Callable[[str], str]:
    def change(text: str) -> str:
        changed, times = re.subn(pattern, by, text, count=1, flags=re.MULTILINE)
        assert times == 1, f"{pattern} is not in the file"
        return changed

    return change


# what is broken: (file, change, rule, device, port)
FRR = {
    "wrong cable": ("leaf1.conf", sub("description spine1:swp2", "description spine1:swp3"), "wrong-cable", "swp4"),
    "missing neighbour": ("leaf1.conf", sub("^ neighbor swp4 .*\n", ""), "missing-neighbour", "swp4"),
    "shut down": (
        "leaf1.conf",
        sub("^ (neighbor swp3) peer-group.*\n", r"\g<0> \1 shutdown\n"),
        "missing-neighbour",
        "swp3",
    ),
    "unknown neighbour": (
        "leaf1.conf",
        sub("^ address-family", " neighbor swp9 interface remote-as external\n address-family"),
        "unknown-neighbour",
        "swp9",
    ),
    "one uplink": ("leaf1.conf", sub("^ neighbor swp4 .*\n", ""), "asymmetric-ecmp", ""),
    "few paths": ("leaf1.conf", sub("maximum-paths 64", "maximum-paths 1"), "asymmetric-ecmp", ""),
    "no relax": ("leaf1.conf", sub("^ bgp bestpath as-path.*\n", ""), "asymmetric-ecmp", ""),
    "own AS": ("leaf1.conf", sub("router bgp 4200000001", "router bgp 4200000009"), "asn", ""),
    "no BGP": ("leaf1.conf", sub("^router bgp (.*\n)+?exit\n", ""), "asn", ""),
    "address": ("leaf1.conf", sub(r"10\.0\.1\.2/31", "10.0.1.4/31"), "address", "swp2"),
    "loopback": ("leaf1.conf", sub(r"ip address 172\.16\.0\.5/32", "ip address 172.16.0.6/32"), "address", ""),
    "prefix": ("leaf1.conf", sub(r"^  network 10\.0\.1\.0/24\n", ""), "announcement", ""),
    "loopback's prefix": ("leaf1.conf", sub(r"^  network 172.*\n", ""), "announcement", ""),
    "another prefix": ("leaf1.conf", sub("^  network", "  network 0.0.0.0/0\n  network"), "announcement", ""),
    "MTU": ("leaf1.interfaces", sub("(iface swp3\n.*\n +mtu) 9100", r"\1 1500"), "mtu", "swp3"),
    "speed": (
        "leaf1.interfaces",
        sub("(iface swp3\n.*\n.*\n +link-speed) 100000", r"\1 40000"),
        "speed",
        "swp3",
    ),
    "no BFD": ("leaf1.conf", sub("^ neighbor fabric bfd.*\n", ""), "bfd", "swp4"),
    "slow BFD": ("leaf1.conf", sub("transmit-interval 100", "transmit-interval 1000"), "bfd", ""),
    "port": ("leaf1.conf", sub("^interface swp4\n.*\nexit\n", ""), "missing-port", "swp4"),
    "further port": ("leaf1.conf", sub("^interface swp4", "interface swp7\n ip address 10.9.9.0/31\n\\g<0>"), "", ""),
    "not text": ("leaf1.conf", lambda text: "a\0b" + chr(0xFF) * 9, "unreadable", ""),
    "no number": ("leaf1.conf", sub("router bgp 4200000001", "router bgp AS1"), "unreadable", ""),
    "another's": ("leaf1.conf", sub("hostname leaf1", "hostname leaf2"), "hostname", ""),
}
FRR["further port"] = (*FRR["further port"][:2], "extra-port", "swp7")


@pytest.mark.parametrize("what", FRR)
def test_broken_frr_is_found(what: str, root: Path, tmp_path: Path) -> None:
    file, change, rule, port = FRR[what]
    fabric = lab(root)
    export_configs(fabric, "frr", tmp_path / "out")
    path = tmp_path / "out" / file
    path.write_text(change(path.read_text()))
    found = drift(fabric, tmp_path / "out").findings
    assert (rule, "leaf1", port) in places(found)
    assert {finding.device for finding in found} == {"leaf1"}


@pytest.mark.parametrize(
    ("change", "rule", "port"),
    [
        (sub(r"neighbor 100\.64\.2\.1 remote-as 4233554432", "neighbor 100.64.2.1 remote-as 7"), "asn", "swp3"),
        (sub(r"ip address 100\.64\.2\.0/31", "ip address 100.64.99.0/31"), "address", "swp3"),
        (sub(r"^ neighbor 100\.64\.2\.1 remote-as.*\n", ""), "missing-neighbour", "swp3"),
        (sub(r"^ neighbor 100\.64\.2\.1 remote-as.*\n", ""), "asymmetric-ecmp", ""),
    ],
)
def test_broken_numbered_frr_is_found(
    change: Callable[[str], str], rule: str, port: str, root: Path, tmp_path: Path
) -> None:
    fabric = lab(root, bgp="numbered")
    export_configs(fabric, "frr", tmp_path / "out")
    path = tmp_path / "out" / "leaf1.conf"
    text = path.read_text()
    first = re.findall(r"neighbor (\S+) remote-as", text)[0]
    own = first.rsplit(".", 1)[0] + "." + str(int(first.rsplit(".", 1)[1]) - 1)
    text = text.replace(first, "100.64.2.1").replace(own + "/31", "100.64.2.0/31")
    broken = change(text).replace("100.64.2.1", first).replace("100.64.2.0/31", own + "/31")
    path.write_text(broken)
    assert (rule, "leaf1", port) in places(drift(fabric, tmp_path / "out").findings)


def put(table: str, key: str, **row: Any) -> Callable[[dict[str, Any]], None]:
    return lambda tables: tables[table].setdefault(key, {}).update(row)


def drop(table: str, key: str, field: str | None = None) -> Callable[[dict[str, Any]], None]:
    def change(tables: dict[str, Any]) -> None:
        del (tables[table] if field is None else tables[table][key])[key if field is None else field]

    return change


SONIC: dict[str, tuple[Callable[[dict[str, Any]], None], str, str]] = {
    "wrong cable": (put("DEVICE_NEIGHBOR", "Ethernet4", name="spine1"), "wrong-cable", "Ethernet4"),
    "missing neighbour": (drop("BGP_NEIGHBOR", "default|Ethernet4"), "missing-neighbour", "Ethernet4"),
    "shut down": (
        put("BGP_NEIGHBOR", "default|Ethernet4", admin_status="down"),
        "missing-neighbour",
        "Ethernet4",
    ),
    "unknown neighbour": (put("BGP_NEIGHBOR", "default|10.1.1.1", asn="5"), "unknown-neighbour", "10.1.1.1"),
    "one uplink": (drop("BGP_NEIGHBOR", "default|Ethernet4"), "asymmetric-ecmp", ""),
    "few paths": (put("BGP_GLOBALS_AF", "default|ipv4_unicast", max_ebgp_paths="2"), "asymmetric-ecmp", ""),
    "no relax": (put("BGP_GLOBALS", "default", load_balance_mp_relax="false"), "asymmetric-ecmp", ""),
    "own AS": (put("BGP_GLOBALS", "default", local_asn="77"), "asn", ""),
    "their AS": (put("BGP_NEIGHBOR", "default|Ethernet4", asn="77"), "asn", "Ethernet4"),
    "address": (drop("INTERFACE", "Ethernet2|10.0.1.2/31"), "address", "Ethernet2"),
    "loopback": (drop("LOOPBACK_INTERFACE", "Loopback0|172.16.0.5/32"), "address", ""),
    "prefix": (drop("BGP_GLOBALS_AF_NETWORK", "default|ipv4_unicast|10.0.1.0/24"), "announcement", ""),
    "another prefix": (put("BGP_GLOBALS_AF_NETWORK", "default|ipv4_unicast|0.0.0.0/0"), "announcement", ""),
    "MTU": (put("PORT", "Ethernet4", mtu="1500"), "mtu", "Ethernet4"),
    "no MTU": (drop("PORT", "Ethernet4", "mtu"), "mtu", "Ethernet4"),
    "speed": (put("PORT", "Ethernet4", speed="40000"), "speed", "Ethernet4"),
    "no BFD": (put("BGP_NEIGHBOR", "default|Ethernet4", bfd="false"), "bfd", "Ethernet4"),
    "PFC": (put("PORT_QOS_MAP", "Ethernet4", pfc_enable="3"), "qos-pfc", "Ethernet4"),
    "no PFC": (drop("PORT_QOS_MAP", "Ethernet4", "pfc_enable"), "qos-pfc", "Ethernet4"),
    "DSCP": (drop("DSCP_TO_TC_MAP", "ROCE", "26"), "qos-dscp", "Ethernet4"),
    "priority group": (put("TC_TO_PRIORITY_GROUP_MAP", "ROCE", **{"3": "0"}), "qos-dscp", "Ethernet4"),
    "thresholds": (put("WRED_PROFILE", "ECN_100G", green_min_threshold="99"), "qos-ecn", "Ethernet4"),
    "no marks": (put("WRED_PROFILE", "ECN_100G", ecn="ecn_none"), "qos-ecn", "Ethernet4"),
    "headroom": (put("BUFFER_PROFILE", "pg_lossless_100000_54k", xoff="1000"), "qos-headroom", "Ethernet4"),
    "port": (drop("PORT", "Ethernet4"), "missing-port", "Ethernet4"),
    "further port": (put("PORT", "Ethernet64", description="x:y"), "extra-port", "Ethernet64"),
    "no number": (put("PORT", "Ethernet4", mtu="large"), "unreadable", ""),
    "no table": (lambda tables: tables.update(PORT=[]), "unreadable", ""),
    "another's": (put("DEVICE_METADATA", "localhost", hostname="leaf3"), "hostname", ""),
}


@pytest.mark.parametrize("what", SONIC)
def test_broken_sonic_is_found(what: str, root: Path, tmp_path: Path) -> None:
    change, rule, port = SONIC[what]
    fabric = lab(root)
    export_configs(fabric, "sonic", tmp_path / "out")
    path = tmp_path / "out" / "leaf1" / "config_db.json"
    tables = json.loads(path.read_text())
    change(tables)
    path.write_text(json.dumps(tables))
    found = drift(fabric, tmp_path / "out").findings
    assert (rule, "leaf1", port) in places(found)
    assert {finding.device for finding in found} == {"leaf1"}


def test_every_rule_has_a_corruption() -> None:
    tried = {rule for _, _, rule, _ in FRR.values()} | {rule for _, rule, _ in SONIC.values()}
    assert tried | {"missing-device", "extra-device"} == set(RULES)


def test_missing_and_further_devices(root: Path, tmp_path: Path) -> None:
    fabric = lab(root)
    export_configs(fabric, "frr", tmp_path / "out")
    (tmp_path / "out" / "leaf2.conf").rename(tmp_path / "out" / "leaf9.conf")
    found = drift(fabric, tmp_path / "out")
    assert {("missing-device", "leaf2", ""), ("extra-device", "leaf9", "")} == places(found.findings)
    assert found.by_rule == {"missing-device": 1, "extra-device": 1}


def lldpctl(rows: dict[str, tuple[str, str]]) -> str:
    """As lldpctl -f json of lldpd 1.0 prints it."""
    listed = [
        {
            port: {
                "via": "LLDP",
                "chassis": {name: {"id": {"type": "mac", "value": "02:00:00:00:00:01"}, "descr": "Linux"}},
                "port": {"id": {"type": "ifname", "value": far}, "descr": far},
            }
        }
        for port, (name, far) in rows.items()
    ]
    return json.dumps({"lldp": {"interface": listed[0] if len(listed) == 1 else listed}})


LEAF1 = {
    "swp1": ("host2", "eth0"),
    "swp2": ("host3", "eth0"),
    "swp3": ("spine0", "swp2"),
    "swp4": ("spine1", "swp2"),
}


@pytest.mark.parametrize("table", [False, True])
@pytest.mark.parametrize(
    ("change", "rule", "port"),
    [
        ({}, "", ""),
        ({"swp3": ("spine1", "swp2"), "swp4": ("spine0", "swp2")}, "wrong-cable", "swp3"),
        ({"swp3": ("spine0", "swp3")}, "wrong-cable", "swp3"),
        ({"swp3": None}, "missing-neighbour", "swp3"),
        ({"swp7": ("spine0", "swp9")}, "unknown-neighbour", "swp7"),
    ],
)
def test_cables_as_lldp_hears_them(
    change: dict[str, Any], rule: str, port: str, table: bool, root: Path, tmp_path: Path
) -> None:
    heard = {port: far for port, far in {**LEAF1, **change}.items() if far}
    if table:
        rows = [f"leaf1,{port},{far[0]},{far[1]}" for port, far in heard.items()]
        (tmp_path / "lldp.csv").write_text("\n".join(["Device,Port,Neighbor,Neighbor_Port", *rows]))
    else:
        (tmp_path / "leaf1.lldp.json").write_text(lldpctl(heard))
    found = drift(lab(root), tmp_path)
    assert found.heard == 1
    assert (rule, "leaf1", port) in places(found.findings) or not rule
    assert bool(found.findings) == bool(rule)


def test_lldp_that_cannot_be_read(root: Path, tmp_path: Path) -> None:
    export_configs(lab(root), "frr", tmp_path / "out")
    (tmp_path / "out" / "leaf1.lldp.json").write_text("{}")
    assert places(drift(lab(root), tmp_path / "out").findings) == {("unreadable", "leaf1", "")}
    (tmp_path / "out" / "lldp.csv").write_text("a,b\n")
    with pytest.raises(ConfigError, match="no column device"):
        drift(lab(root), tmp_path / "out")


@pytest.mark.parametrize(("name", "says"), [("missing", "is not a folder"), ("empty", "to compare")])
def test_nothing_to_compare(name: str, says: str, root: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConfigError, match=says):
        drift(lab(root), tmp_path / name)


def shapes() -> Iterator[dict[str, Any]]:
    yield {"topology": "leaf_spine", "leaf_nodes": 1}
    yield {"topology": "leaf_spine", "leaf_nodes": 2, "oversubscription": 2}
    yield {"topology": "rail_optimised"}
    yield {"topology": "rail_only"}
    yield {"topology": "fat_tree", "radix": 8}
    yield {"topology": "dual_tor", "unit_nodes": 2}
    yield {"topology": "dragonfly", "a": 4, "h": 2, "p": 4}


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    nodes=st.integers(2, 6),
    nics=st.sampled_from([1, 2, 4]),
    shape=st.sampled_from(list(shapes())),
    bgp=st.sampled_from(["numbered", "unnumbered"]),
    bfd=st.booleans(),
    mtu=st.integers(1280, 9216),
    to=st.sampled_from(["frr", "sonic"]),
)
def test_any_small_cluster_comes_back_as_it_was(
    nodes: int,
    nics: int,
    shape: dict[str, Any],
    bgp: str,
    bfd: bool,
    mtu: int,
    to: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    fabric = build_fabric(
        Cluster(
            nodes=nodes,
            node={"accelerator": "h100_sxm", "accelerators": nics, "nic": "cx7", "nics": nics},
            scale_out={"protocol": "roce", **shape},
            underlay={"bgp": bgp, "bfd": {"enabled": bfd}, "mtu": mtu},
        )
    )
    folder = tmp_path_factory.mktemp("any") / "out"
    export_configs(fabric, to, folder)
    found = drift(fabric, folder)
    assert found.findings == ()
    assert found.read == found.devices > 0
