"""Counters and queues of every port of a lab, up to 100 times a second, kept in a ring and written out as tables."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from functools import partial
from types import TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt

from weft.errors import ConfigError
from weft.lab import namespace
from weft.lab.lab import Lab
from weft.lab.netlink import Netlink
from weft.lab.netlink.links import counters
from weft.lab.netlink.queues import queues
from weft.report.prometheus import Metric, exposition

#: What is kept of a port, in the order of columns; all but the backlog count up from the lab's beginning.
FIELDS = (
    "receive_packets",
    "transmit_packets",
    "receive_bytes",
    "transmit_bytes",
    "receive_dropped_packets",
    "transmit_dropped_packets",
    "backlog_bytes",
    "backlog_packets",
    "queue_dropped_packets",
)
_HELP = {
    "receive_packets": ("counter", "Packets that arrived at the port"),
    "transmit_packets": ("counter", "Packets that left by the port"),
    "receive_bytes": ("counter", "Bytes that arrived at the port"),
    "transmit_bytes": ("counter", "Bytes that left by the port"),
    "receive_dropped_packets": ("counter", "Arriving packets that the port dropped"),
    "transmit_dropped_packets": ("counter", "Leaving packets that the port dropped"),
    "backlog_bytes": ("gauge", "Bytes that wait in the port's queue"),
    "backlog_packets": ("gauge", "Packets that wait in the port's queue"),
    "queue_dropped_packets": ("counter", "Packets that found the port's queue full"),
}


class Sampler:
    """Reads all ports of a lab; by itself in a thread, or when asked. It has sockets of its own.

    Attributes:
        ports: (device, port) pairs, in the order of the samples' rows.
        late: samples that came later than they should.
    """

    def __init__(self, lab: Lab, *, interval_s: float = 0.01, keep: int = 6000) -> None:
        """Prepare to keep the last ``keep`` samples, one every ``interval_s``.

        Raises:
            ConfigError: an interval below 1 ms, or nothing to keep.
        """
        if interval_s < 1e-3 or keep < 1:
            raise ConfigError("a lab is sampled at most every 1ms, and at least one sample is kept", field="--interval")
        self.interval_s, self.late = interval_s, 0
        self.ports = [(node.name, port.name) for node in lab.plan.nodes for port in node.ports]
        self._place: dict[str, dict[int, int]] = {}
        for row, (device, port) in enumerate(self.ports):
            self._place.setdefault(device, {})[lab.index(device, port)] = row
        self._sockets = {
            name: namespace.within(lab.namespace(name), partial(Netlink, name)) for name in lab.plan.by_name
        }
        self._times = np.zeros(keep)
        self._values = np.zeros((keep, len(self.ports), len(FIELDS)), np.int64)
        self._taken = 0
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Sampler:
        self._thread = threading.Thread(target=self._run, name="weft-telemetry", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Stop sampling; what was kept stays."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        for socket in self._sockets.values():
            socket.close()

    def read(self) -> npt.NDArray[np.int64]:
        """Return all ports as they are now: int64[ports, FIELDS]."""
        now = np.zeros((len(self.ports), len(FIELDS)), np.int64)
        for name, socket in self._sockets.items():
            place = self._place[name]
            for index, count in counters(socket):
                if index in place:
                    now[place[index], :6] = (
                        count.receive_packets,
                        count.transmit_packets,
                        count.receive_bytes,
                        count.transmit_bytes,
                        count.receive_dropped,
                        count.transmit_dropped,
                    )
            for queue in queues(socket):
                if queue.interface in place:
                    now[place[queue.interface], 6:] = (queue.backlog_bytes, queue.backlog_packets, queue.dropped)
        return now

    def sample(self) -> None:
        """Read all ports and keep what they say."""
        values, when = self.read(), time.monotonic()
        with self._lock:
            place = self._taken % len(self._times)
            self._times[place], self._values[place] = when, values
            self._taken += 1

    def samples(self) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
        """Return what was kept, oldest first: float64[samples] seconds, int64[samples, ports, FIELDS]."""
        with self._lock:
            if self._taken <= len(self._times):
                return self._times[: self._taken].copy(), self._values[: self._taken].copy()
            turn = -(self._taken % len(self._times))
            return np.roll(self._times, turn), np.roll(self._values, turn, axis=0)

    def tables(self) -> dict[str, dict[str, Iterable[Any]]]:
        """Return what was kept as one table, a row a sample and port, for `weft.report.tables.write_tables`."""
        times, values = self.samples()
        since = times - (times[0] if len(times) else 0.0)
        table: dict[str, Iterable[Any]] = {
            "time_s": np.repeat(since, len(self.ports)),
            "device": [device for device, _ in self.ports] * len(times),
            "port": [port for _, port in self.ports] * len(times),
        }
        return {"ports": table | {name: values[:, :, column].ravel() for column, name in enumerate(FIELDS)}}

    def metrics(self) -> str:
        """Return all ports as they are now, in Prometheus' text format."""
        now = self.read()
        labels = [{"device": device, "port": port} for device, port in self.ports]
        found = []
        for column, name in enumerate(FIELDS):
            kind, about = _HELP[name]
            full = f"weft_lab_port_{name}" + ("_total" if kind == "counter" else "")
            values = zip(labels, now[:, column].astype(float).tolist(), strict=True)
            found.append(Metric(full, "counter" if kind == "counter" else "gauge", about, list(values)))
        return exposition(found)

    def _run(self) -> None:
        due = time.monotonic()
        while not self._stop.is_set():
            self.sample()
            due += self.interval_s
            wait_s = due - time.monotonic()
            if wait_s < 0:  # the machine was busy: go on from now, rather than hurry after what is past
                self.late += 1
                due = time.monotonic()
            elif self._stop.wait(wait_s):
                return


def serve(text: Callable[[], str], port: int, address: str = "127.0.0.1") -> None:
    """Answer ``GET /metrics`` with a text, until interrupted.

    Raises:
        ConfigError: the port is taken or not ours to take.
    """
    from http.server import BaseHTTPRequestHandler, HTTPServer

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = self.path.split("?")[0] == "/metrics"
            body = text().encode() if found else b"see /metrics\n"
            self.send_response(200 if found else 404)
            self.send_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing: a scrape every few seconds is no news."""

    try:
        server = HTTPServer((address, port), Handler)
    except (OSError, OverflowError) as error:
        raise ConfigError(f"{address}:{port} cannot be served: {error}", field="--port") from None
    with server:
        server.serve_forever()
