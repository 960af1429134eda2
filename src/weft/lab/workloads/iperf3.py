"""Pairs of iperf3: every rank sends to the one half a circle further, all at the same time."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from weft.errors import ConfigError, InfeasibleError
from weft.lab.lab import Lab
from weft.lab.probe import lacking
from weft.lab.workloads.ranks import Rank

_PORT = 5201


@dataclass(frozen=True, slots=True)
class Stream:
    """One TCP connection.

    Attributes:
        source, destination: hosts.
        rate_Bps: of payload, over the whole time, as the receiver has it.
        retransmits: segments sent again.
    """

    source: str
    destination: str
    rate_Bps: float
    retransmits: int


def iperf3_pairs(lab: Lab, ranks: Sequence[Rank], seconds: float) -> list[Stream]:
    """Send for some seconds between all pairs at once.

    Raises:
        ConfigError: iperf3 is not there, or too short a time.
        InfeasibleError: a connection could not be made.
    """
    lacks = lacking(["iperf3"])
    if lacks:
        raise ConfigError(f"iperf3 cannot run here: {'; '.join(lacks)}")
    if seconds < 1:
        raise ConfigError(f"iperf3 sends for 1 second at least, not {seconds:g}", field="--seconds")
    pairs = [(rank, ranks[(rank.number + len(ranks) // 2) % len(ranks)]) for rank in ranks]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    servers = [
        lab.spawn(to.host, ["iperf3", "-s", "-1", "-B", to.address, "-p", str(_PORT)], **quiet) for _, to in pairs
    ]
    clients: list[subprocess.Popen[str]] = []
    try:
        for rank, to in pairs:
            # Servers need a moment; a connection refused is asked for again by the client's own retry below
            clients.append(_client(lab, rank, to, seconds))
        found = []
        for (rank, to), client in zip(pairs, clients, strict=True):
            out, _ = client.communicate(timeout=seconds + 30)
            answer: dict[str, Any] = json.loads(out[out.index("{") :]) if "{" in out else {"error": "no answer"}
            if "error" in answer:
                raise InfeasibleError(f"iperf3 from {rank.host} to {to.host}: {answer['error']}")
            end = answer["end"]
            found.append(
                Stream(
                    rank.host,
                    to.host,
                    end["sum_received"]["bits_per_second"] / 8,
                    int(end["sum_sent"].get("retransmits", 0)),
                )
            )
        return found
    except subprocess.TimeoutExpired:
        raise InfeasibleError("iperf3 did not end; is the network cut in two?") from None
    finally:
        for process in (*clients, *servers):
            if process.poll() is None:
                process.kill()
            process.communicate()


def _client(lab: Lab, rank: Rank, to: Rank, seconds: float) -> subprocess.Popen[str]:
    command = f"iperf3 -c {to.address} -B {rank.address} -p {_PORT} -t {seconds:g} -J"
    # The server of this moment may not listen yet
    script = f'for i in 1 2 3 4 5; do out=$({command}) && break; sleep 0.3; done; printf %s "$out"'
    return lab.spawn(rank.host, ["sh", "-c", script], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
