"""Counters, against what was sent; tables and the text for Prometheus, read back."""

from __future__ import annotations

import csv
import io
import re
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

import numpy as np
import pytest
from lab_helpers import socket_in

from weft.errors import ConfigError
from weft.lab import Lab, faults
from weft.lab.telemetry import FIELDS, Sampler, serve
from weft.report.tables import write_tables

COLUMN = {name: column for column, name in enumerate(FIELDS)}


def test_counters_follow_what_is_sent(leaf_spine: Lab, tmp_path: Path) -> None:
    """Fifty datagrams of 1,000 bytes: 28 of UDP and IP and 14 of Ethernet come on top of each."""
    lab = leaf_spine
    with Sampler(lab, interval_s=0.01) as sampler, socket_in(lab, "host6") as sender:
        time.sleep(0.05)
        for _ in range(50):
            sender.sendto(b"x" * 1000, (lab.plan.node("host7").ports[0].address, 9))
        time.sleep(0.15)
    times, values = sampler.samples()
    assert len(times) >= 5
    assert (np.diff(times) > 0).all()
    row = sampler.ports.index(("host6", "eth0"))
    gain = values[-1, row] - values[0, row]
    assert gain[COLUMN["transmit_packets"]] == 50
    assert gain[COLUMN["transmit_bytes"]] == 50 * 1042
    arrived = values[-1, sampler.ports.index(("host7", "eth0"))] - values[0, sampler.ports.index(("host7", "eth0"))]
    assert arrived[COLUMN["receive_packets"]] == 50
    (path,) = write_tables(tmp_path, sampler.tables(), format="csv")
    rows = list(csv.DictReader(io.StringIO(path.read_text())))
    assert len(rows) == len(times) * len(sampler.ports)
    mine = [int(one["transmit_packets"]) for one in rows if (one["device"], one["port"]) == ("host6", "eth0")]
    assert mine[-1] - mine[0] == 50


def test_a_full_queue_shows_as_backlog_and_drops(leaf_spine: Lab) -> None:
    """A port at a twentieth of the rate of the two that send to it, so that a slow test is fast enough for it."""
    lab = leaf_spine
    link = lab.plan.link("host7", "leaf3")
    faults.degrade(lab, link, 0.05)
    sampler = Sampler(lab, keep=1)
    row = sampler.ports.index(("leaf3", "swp2"))
    before = sampler.read()[row]
    with socket_in(lab, "host6") as one, socket_in(lab, "host5") as other:
        for sender in (one, other):
            sender.setblocking(False)
        end = time.monotonic() + 3
        most = dropped = 0
        while not dropped and time.monotonic() < end:
            for sender in (one, other):
                try:
                    for _ in range(20):
                        sender.sendto(b"x" * 1400, (lab.plan.node("host7").ports[0].address, 9))
                except BlockingIOError:
                    pass
            now = sampler.read()[row] - before
            most, dropped = max(most, now[COLUMN["backlog_bytes"]]), now[COLUMN["queue_dropped_packets"]]
    sampler.close()
    faults.heal(lab, link)
    assert dropped > 0
    assert 0.8 * lab.plan.queue_bytes < most <= lab.plan.queue_bytes
    time.sleep(0.1)


def test_the_ring_keeps_the_last(leaf_spine: Lab) -> None:
    sampler = Sampler(leaf_spine, keep=3)
    for _ in range(5):
        sampler.sample()
    times, values = sampler.samples()
    sampler.close()
    assert len(times) == len(values) == 3
    assert (np.diff(times) > 0).all()


def test_metrics_are_served(leaf_spine: Lab) -> None:
    sampler = Sampler(leaf_spine, keep=1)
    port = 23_117
    thread = threading.Thread(target=serve, args=(sampler.metrics, port), daemon=True)
    thread.start()
    text = ""
    for _ in range(100):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
                assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
                text = answer.read().decode()
            break
        except urllib.error.URLError:
            time.sleep(0.02)
    samples = dict(re.findall(r"^(weft_lab_port_\w+\{.*\}) (\d+)$", text, re.MULTILINE))
    assert len(samples) == len(sampler.ports) * len(FIELDS)
    now = sampler.read()[sampler.ports.index(("host0", "eth0"))]
    key = 'weft_lab_port_transmit_bytes_total{device="host0",port="eth0"}'
    assert int(samples[key]) == now[COLUMN["transmit_bytes"]]
    assert 'weft_lab_port_backlog_bytes{device="leaf0",port="swp3"}' in samples
    with pytest.raises(urllib.error.HTTPError, match="404") as refused:
        urllib.request.urlopen(f"http://127.0.0.1:{port}/")
    refused.value.close()
    with pytest.raises(ConfigError, match=f"--port: 127.0.0.1:{port} cannot be served"):
        serve(sampler.metrics, port)


def test_too_fast_is_refused(leaf_spine: Lab) -> None:
    with pytest.raises(ConfigError, match="--interval: a lab is sampled at most every 1ms"):
        Sampler(leaf_spine, interval_s=0.0)
