"""The flags of every command that sends packets: what to record of queues and links over time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from weft.engines.packet.samples import Sampling

SampleFlag = Annotated[str | None, typer.Option(help="record packets' queues and links so often, such as 1us")]
SamplePortsFlag = Annotated[str, typer.Option(help="keep those with the deepest queues: a number, or all")]


def sampling_of(sample: str | None, ports: str, *, flows: bool = False, drawn: bool = False) -> Sampling | None:
    """Return what to record; None for nothing.

    Args:
        sample: how often; None: a picture or a timeline has a sample a round trip.
        ports: how many to keep, or all.
        flows: also flows.
        drawn: whether there is a picture or a timeline.

    Raises:
        ConfigError: a value is none; names the flag.
    """
    from weft.cli.packet_flags import time_of
    from weft.engines.packet.samples import Sampling
    from weft.errors import ConfigError

    if ports != "all" and not (ports.isascii() and ports.isdigit() and 0 < int(ports[:10]) < 1 << 31):
        raise ConfigError(f"a number of ports or all, read {ports[:40]!r}", field="--sample-ports")
    if sample is None and not (flows or drawn):
        return None
    return Sampling(
        None if sample is None else time_of(sample, "--sample"), None if ports == "all" else int(ports[:10]), flows
    )


def sampling_from(engine: str, sample: str | None, ports: str, *, drawn: bool) -> Sampling | None:
    """Return what the packet engine is to record; None for nothing, and for the other engines.

    Raises:
        ConfigError: a value is none, or the engine has no packets; names the flag.
    """
    if engine == "packet":
        return sampling_of(sample, ports, drawn=drawn)
    if sample is not None:
        from weft.errors import ConfigError

        raise ConfigError(f"the {engine} engine has no packets; add --engine packet", field="--sample")
    return None
