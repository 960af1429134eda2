"""SONiC's configurations: against a compact schema always, against SONiC's own models where they are at hand."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import sys
from collections.abc import Callable
from ipaddress import ip_interface
from pathlib import Path
from typing import Any

import pytest

from weft.engines.packet.presets import preset
from weft.engines.packet.transport import marking
from weft.export.configs import config_files
from weft.export.configs.sonic import config_db, config_db_text, sonic_ports
from weft.export.configs.sonic.qos import headroom_bytes, marking_bytes
from weft.underlay import Role, Underlay

from .conftest import DESIGNS

Design = Callable[[str], Underlay]

# table: (parts of a key, fields that must be there, reference of each field or key part to a table)
SCHEMA: dict[str, tuple[int, tuple[str, ...], dict[str, str]]] = {
    "PORT": (1, ("lanes", "speed", "mtu", "alias", "index", "fec", "admin_status"), {}),
    "DEVICE_NEIGHBOR": (1, ("name", "port"), {"0": "PORT"}),
    "PORT_QOS_MAP": (
        1,
        ("dscp_to_tc_map", "tc_to_queue_map", "tc_to_pg_map", "pfc_to_queue_map"),
        {
            "0": "PORT",
            "dscp_to_tc_map": "DSCP_TO_TC_MAP",
            "tc_to_queue_map": "TC_TO_QUEUE_MAP",
            "tc_to_pg_map": "TC_TO_PRIORITY_GROUP_MAP",
            "pfc_to_queue_map": "MAP_PFC_PRIORITY_TO_QUEUE",
        },
    ),
    "QUEUE": (2, ("scheduler",), {"0": "PORT", "scheduler": "SCHEDULER", "wred_profile": "WRED_PROFILE"}),
    "BUFFER_PG": (2, ("profile",), {"0": "PORT", "profile": "BUFFER_PROFILE"}),
    "BUFFER_QUEUE": (2, ("profile",), {"0": "PORT", "profile": "BUFFER_PROFILE"}),
    "BUFFER_PROFILE": (1, ("pool", "size", "dynamic_th"), {"pool": "BUFFER_POOL"}),
    "BUFFER_POOL": (1, ("type", "mode"), {}),
    "SCHEDULER": (1, ("type",), {}),
    "WRED_PROFILE": (1, ("ecn", "green_min_threshold", "green_max_threshold", "green_drop_probability"), {}),
    "BGP_GLOBALS": (1, ("local_asn", "router_id", "load_balance_mp_relax"), {}),
    "BGP_GLOBALS_AF": (2, ("max_ebgp_paths",), {"0": "BGP_GLOBALS"}),
    "BGP_GLOBALS_AF_NETWORK": (3, (), {"0": "BGP_GLOBALS"}),
    "BGP_PEER_GROUP": (2, ("peer_type", "bfd"), {"0": "BGP_GLOBALS"}),
    "BGP_PEER_GROUP_AF": (3, ("admin_status",), {"0": "BGP_GLOBALS"}),
    "BGP_NEIGHBOR": (2, ("peer_group_name", "asn"), {"0": "BGP_GLOBALS"}),
}
RANGES = {
    "speed": (1, 1_600_000),
    "mtu": (68, 9216),
    "index": (0, 65_535),
    "max_ebgp_paths": (1, 256),
    "asn": (1, 4_294_967_295),
    "local_asn": (1, 4_294_967_295),
    "weight": (1, 100),
    "dynamic_th": (-8, 7),
    "detection_time": (100, 5_000),
    "restoration_time": (100, 60_000),
    "POLL_INTERVAL": (100, 1_000),
    "green_drop_probability": (0, 100),
}


def wrong(database: dict[str, dict[str, Any]]) -> list[str]:
    """Return what breaks the schema."""
    found = []
    for table, rows in database.items():
        parts, fields, references = SCHEMA.get(table, (0, (), {}))
        for key, row in rows.items():
            where = f"{table}|{key}"
            names = key.split("|")
            if parts and len(names) != parts and key != "GLOBAL":
                found.append(f"{where}: {parts} parts")
            found += [f"{where}: no {field}" for field in fields if field not in row]
            for field, target in references.items():
                value = names[int(field)] if field.isdigit() else row.get(field)
                if value is not None and value not in database.get(target, {}):
                    found.append(f"{where}: {field} {value} is not in {target}")
            for field, (low, high) in RANGES.items():
                if field in row and not low <= int(row[field]) <= high:
                    found.append(f"{where}: {field} {row[field]}")
            found += [f"{where}: {f} is not text" for f, v in row.items() if not isinstance(v, str | list)]
    return found + _wrong_interfaces(database)


def _wrong_interfaces(database: dict[str, dict[str, Any]]) -> list[str]:
    found = []
    for table, owner in (("INTERFACE", "PORT"), ("LOOPBACK_INTERFACE", "LOOPBACK_INTERFACE")):
        for key in database[table]:
            name, _, address = key.partition("|")
            if name not in database[owner] or name not in database[table]:
                found.append(f"{table}|{key}: no such interface")
            if address:
                ip_interface(address)
    lanes = [lane for row in database["PORT"].values() for lane in row["lanes"].split(",")]
    if len(set(lanes)) != len(lanes):
        found.append("PORT: a lane twice")
    aliases = [row["alias"] for row in database["PORT"].values()]
    if len(set(aliases)) != len(aliases):
        found.append("PORT: an alias twice")
    return found


@pytest.mark.parametrize("name", DESIGNS)
def test_tables_fields_references_and_ranges(design: Design, name: str) -> None:
    underlay = design(name)
    for device in underlay.switches:
        assert wrong(json.loads(config_db_text(config_db(underlay, device)))) == [], device.hostname


@pytest.mark.parametrize(
    ("table", "key", "change"),
    [
        ("PORT", "Ethernet0", {"speed": "0"}),
        ("QUEUE", "Ethernet0|3", {"scheduler": "other"}),
        ("BUFFER_PROFILE", "egress_lossy", {"pool": "none"}),
        ("PORT", "Ethernet0", {"alias": "etp2"}),
    ],
)
def test_the_schema_refuses_what_is_wrong(design: Design, table: str, key: str, change: dict[str, str]) -> None:
    underlay = design("leaf_spine")
    database = json.loads(config_db_text(config_db(underlay, underlay.switches[0])))
    database[table][key] |= change
    assert wrong(database) != []


@pytest.mark.parametrize("name", DESIGNS)
def test_a_port_is_named_by_its_first_lane(design: Design, name: str) -> None:
    underlay = design(name)
    for device in underlay.switches:
        rows = config_db(underlay, device)["PORT"]
        assert len(rows) == len(device.ports)
        for key, row in rows.items():
            lanes = [int(lane) for lane in row["lanes"].split(",")]
            assert re.fullmatch(rf"Ethernet{lanes[0] - 1}", key)
            assert lanes == list(range(lanes[0], lanes[0] + len(lanes)))
            assert int(row["speed"]) / len(lanes) <= 200_000  # no SerDes in the catalog is faster


@pytest.mark.parametrize("name", DESIGNS)
def test_both_ends_name_each_other(design: Design, name: str) -> None:
    underlay = design(name)
    every = {device.hostname: config_db(underlay, device)["DEVICE_NEIGHBOR"] for device in underlay.switches}
    for host, rows in every.items():
        for port, row in rows.items():
            if row["name"] in every:
                assert every[row["name"]][row["port"]] == {"name": host, "port": port}


@pytest.mark.parametrize("gbps", [100, 400, 800])
def test_marks_are_those_that_the_packet_engine_simulates(gbps: int) -> None:
    low, high, most = marking(preset("roce_dcqcn"), 1, gbps * 1e9 / 8)
    assert marking_bytes(gbps * 1000) == (low, high)
    assert most == 0.01


def test_headroom_holds_what_is_under_way(design: Design) -> None:
    """At least a round trip of bytes on the wire, and two full packets at each end."""
    underlay = design("leaf_spine")
    for port in sonic_ports(underlay, underlay.switches[0]):
        trip_s = 2 * max(port.link.latency_up_s, port.link.latency_down_s)
        least = trip_s * port.speed_mbps * 1e6 / 8 + 4 * 9100
        assert least <= headroom_bytes(port, 9100) < least + 1024


def test_long_haul_links_are_not_lossless(design: Design) -> None:
    underlay = design("two_sites")
    seen = {True: 0, False: 0}
    for device in underlay.switches:
        tables = config_db(underlay, device)
        for port in sonic_ports(underlay, device):
            far = underlay.devices[port.port.peer]
            abroad = far.role is Role.SWITCH and far.name.split("/")[0] != device.name.split("/")[0]
            seen[abroad] += 1
            assert ("pfc_enable" in tables["PORT_QOS_MAP"][port.name]) is not abroad
            assert (port.name in tables["PFC_WD"]) is not abroad
    assert min(seen.values()) > 0


def test_sonic_s_own_models_take_every_configuration(design: Design, root: Path, tmp_path: Path) -> None:
    models = os.environ.get("WEFT_SONIC_YANG")
    if not models:
        pytest.skip("WEFT_SONIC_YANG does not name a folder with SONiC's YANG models")
    if shutil.which("yanglint") is None:
        pytest.skip("yanglint is not installed (apt install libyang2-tools)")
    spec = importlib.util.spec_from_file_location("sonic_yang", root / "benchmarks" / "lab" / "sonic_yang.py")
    assert spec and spec.loader
    checker = importlib.util.module_from_spec(spec)
    sys.modules["sonic_yang"] = checker
    spec.loader.exec_module(checker)
    for name in DESIGNS:
        for file, text in list(config_files(design(name), "sonic"))[:4]:
            path = tmp_path / name / file
            path.parent.mkdir(parents=True)
            path.write_text(text)
    assert checker.check(Path(models), tmp_path) == []
