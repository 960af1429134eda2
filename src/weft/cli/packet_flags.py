"""The flags of ``weft packet`` that change a transport or a network, as what they change."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from weft.errors import ConfigError, UnknownName, WeftError

#: What a field of a transport is called on the command line.
FLAGS = {
    "transport": "--transport",
    "balance": "--balance",
    "paths": "--paths",
    "switch_choice": "--switch-choice",
    "queues": "--queues",
    "queue_bytes": "--queue-packets",
    "queue_bdps": "--queue-bdps",
    "control": "--control",
    "target_delay_s": "--target-delay",
    "gap_packets": "--gap-packets",
    "ecn_low_bytes": "--ecn-packets",
    "ecn_high_bytes": "--ecn-packets",
    "mtu_bytes": "--mtu",
    "window_bytes": "--window-packets",
    "ack_every_bytes": "--ack-every",
    "sample": "--sample",
    "sample_ports": "--sample-ports",
    "until": "--until",
    "rate": "--rate",
    "degraded": "--degraded",
}
#: What htsim_uec calls ways to choose paths, where its names differ.
_BALANCES = {"reps_legacy": "recycle"}


def named_flag(error: WeftError) -> WeftError:
    """Return the error with the flag for the field that it names."""
    if isinstance(error, ConfigError) and error.file is None:
        key = error.field or (error.what if isinstance(error, UnknownName) else "")
        error.field = FLAGS.get(key, error.field)
    return error


def size_of(text: str, flag: str, least: int = 1) -> int:
    """Read whole bytes.

    Raises:
        ConfigError: it is no size, or too small.
    """
    from weft.units import SIZE, parse

    try:
        value = parse(text, SIZE)
    except ConfigError as error:
        raise ConfigError(error.message, field=flag) from None
    if value != int(value) or not least <= value < 1 << 31:
        raise ConfigError(f"{text[:40]!r} is not a whole number of bytes from {least} to 2^31 - 1", field=flag)
    return int(value)


def time_of(text: str, flag: str, *, zero: bool = False) -> float:
    """Read a time in seconds.

    Raises:
        ConfigError: it is no time, or 0 where that has no meaning.
    """
    from weft.units import DURATION, parse

    try:
        value = parse(text, DURATION)
    except ConfigError as error:
        raise ConfigError(error.message, field=flag) from None
    if value > 1e6 or (value == 0 and not zero):
        raise ConfigError(f"{text[:40]!r} is out of range; {'0' if zero else 'above 0'} to 1,000,000 s", field=flag)
    return value


def rate_of(text: str, flag: str) -> float:
    """Read a rate in bytes/s.

    Raises:
        ConfigError: it is no rate, or 0.
    """
    from weft.units import RATE, parse

    try:
        value = parse(text, RATE)
    except ConfigError as error:
        raise ConfigError(error.message, field=flag) from None
    if not 1e3 <= value <= 1e15:
        raise ConfigError(f"{text[:40]!r} is out of range; a link carries 8 kb/s to 8 Eb/s", field=flag)
    return value


def pair_of(text: str, flag: str) -> tuple[int, int]:
    """Read ``LOW,HIGH``, whole numbers.

    Raises:
        ConfigError: it is anything else.
    """
    low, comma, high = text.partition(",")
    if not comma or not low.strip().isascii() or not (low.strip().isdigit() and high.strip().isdigit()):
        raise ConfigError(f"two whole numbers LOW,HIGH belong here, read {text[:40]!r}", field=flag)
    return min(int(low), 1 << 31), min(int(high), 1 << 31)


def changes_of(given: Mapping[str, Any], mtu_bytes: int) -> dict[str, Any]:
    """Return the fields of a transport that flags change; sizes in packets become bytes.

    Args:
        given: values by flag's name; None where it was not given.
        mtu_bytes: of a packet.
    """
    same = ("control", "balance", "paths", "switch_choice", "queues", "queue_bdps", "gap_packets", "seed")
    changes = {name: given[name] for name in same}
    changes["grants_follow_marks"] = given["follow_marks"]
    if given["target_delay"] is not None:
        changes["target_delay_s"] = time_of(given["target_delay"], "--target-delay")
    for name in ("balance", "switch_choice"):
        if changes[name] is not None:
            changes[name] = changes[name].replace("-", "_")
    changes["balance"] = _BALANCES.get(changes["balance"], changes["balance"])
    if given["mtu"] is not None:
        changes["mtu_bytes"] = mtu_bytes
    for name, flag in (("queue_bytes", "queue_packets"), ("window_bytes", "window_packets")):
        if given[flag] is not None:
            changes[name] = given[flag] * mtu_bytes
    if given["ecn_packets"] is not None:
        low, high = pair_of(given["ecn_packets"], "--ecn-packets")
        changes["ecn_low_bytes"], changes["ecn_high_bytes"] = (min(n * mtu_bytes, (1 << 31) - 1) for n in (low, high))
    if given["ack_every"] is not None:
        changes["ack_every_bytes"] = size_of(given["ack_every"], "--ack-every")
    return {name: value for name, value in changes.items() if value is not None}


def with_htsim(given: Mapping[str, Any], text: str, *, topo: bool) -> dict[str, Any]:
    """Return the flags that were given, with those that flags of htsim_uec stand for.

    Args:
        given: values by flag's name; None where it was not given.
        text: flags of htsim_uec.
        topo: a topology file is given.

    Raises:
        ConfigError: a flag has no counterpart, or is given both ways.
    """
    from weft.cli.htsim_flags import translated

    theirs = {name: value for name, value in translated(text, topo=topo).items() if name in given}
    for name, value in theirs.items():
        if given[name] is not None and value is not None and name != "transport":
            raise ConfigError("is given here and in --htsim", field=f"--{name.replace('_', '-')}")
    return {name: theirs.get(name) if value is None else value for name, value in given.items()}
