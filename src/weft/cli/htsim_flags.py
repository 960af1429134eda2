"""Flags of htsim_uec, as the flags of ``weft packet`` that do the same."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from weft.errors import ConfigError, UnknownName

_FIELD = "--htsim"
_TRANSPORTS = {(True, False): "nscc", (False, True): "rccc", (True, True): "both"}
_STRATEGIES = {"ecmp_host": "hashed", "ecmp_ar": "shortest_queue", "ecmp_rr": "in_turn"}
_ALGORITHMS = {"nscc": None, "constant": "none"}
#: How many words follow flags that say what is logged, or what holds here in any case.
_WITHOUT_EFFECT = {"-debug": 0, "-conn_reuse": 0}
_WITHOUT_EFFECT |= dict.fromkeys(("-o", "-log", "-logtime", "-logtime_us", "-nodes", "-host_queue_type"), 1)
_REFUSED = {
    "-tm": "give the connection matrix as FLOWS",
    "-topo": "give the topology file as --topo",
    "-sleek": "--gap-packets N has packets taken for lost that N later ones overtook",
    "-planes": "networks have one plane",
    "-pcie": "hosts' PCIe is not modelled",
    "-trimsize": "trimmed packets are as long as other control packets, 64 bytes",
    "-qa_gate": "quick adapt acts below an eighth of the window, htsim_uec's default",
    "-enable_accurate_base_rtt": "all flows begin with the longest way's round trip, htsim_uec's default",
    "-disable_base_rtt_update_on_nack": "round trips of trimmed packets count, htsim_uec's default",
}
_REFUSED |= dict.fromkeys(("-Ai", "-Md", "-alpha"), "receivers' rates change by htsim_uec's defaults")
_REFUSED |= dict.fromkeys(
    ("-ar_sticky_delta", "-ar_granularity", "-ar_method"), "switches that adapt compare queues, packet by packet"
)


@dataclass
class Translated:
    """What the flags say.

    Attributes:
        flags: values of flags of ``weft packet`` by name, as text or numbers.
        sender, receiver: who controls congestion.
    """

    flags: dict[str, Any] = field(default_factory=dict)
    sender: bool = True
    receiver: bool = False


def translated(text: str, *, topo: bool) -> dict[str, Any]:
    """Return the values of ``weft packet``'s flags, by name, that flags of htsim_uec stand for.

    Args:
        text: the flags, as on its command line.
        topo: a topology file is given, which says latencies; htsim_uec does not use its flags for them then either.

    Raises:
        ConfigError: a flag is unknown, has no counterpart, or a value that is none.
    """
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise ConfigError(f"cannot be read: {error}", field=_FIELD) from None
    found, place = Translated(), 0
    while place < len(words):
        flag = words[place]
        if flag in _REFUSED:
            raise ConfigError(f"{flag} has no counterpart: {_REFUSED[flag]}", field=_FIELD)
        if flag not in _WITHOUT_EFFECT and flag not in _MEANINGS:
            raise UnknownName("flag of htsim_uec", flag, [*_MEANINGS, *_WITHOUT_EFFECT, *_REFUSED], field=_FIELD)
        count, act = _MEANINGS.get(flag, (_WITHOUT_EFFECT.get(flag, 0), None))
        values = words[place + 1 : place + 1 + count]
        if len(values) < count:
            raise ConfigError(f"{flag} is followed by {count} value{'s' * (count > 1)}", field=_FIELD)
        if act is not None:
            act(found, flag, values)
        place += 1 + count
    if topo:
        for name in ("hop_latency", "switch_latency"):
            found.flags.pop(name, None)
    return {"transport": _TRANSPORTS[found.sender, found.receiver], **found.flags}


_Act = Callable[[Translated, str, list[str]], None]


def _who(sender: bool | None, receiver: bool | None) -> tuple[int, _Act]:
    def act(found: Translated, flag: str, values: list[str]) -> None:
        found.sender = found.sender if sender is None else sender
        found.receiver = found.receiver if receiver is None else receiver

    return 0, act


def _number(flag: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise ConfigError(f"{flag}: a number belongs here, read {text[:40]!r}", field=_FIELD) from None
    if not 0 <= value < 1e15:
        raise ConfigError(f"{flag}: {text[:40]} is out of range", field=_FIELD)
    return value


def _whole(flag: str, text: str) -> int:
    value = _number(flag, text)
    if value != int(value) or value >= 1 << 31:
        raise ConfigError(f"{flag}: a whole number belongs here, read {text[:40]!r}", field=_FIELD)
    return int(value)


def _count(name: str) -> tuple[int, _Act]:
    return 1, lambda found, flag, values: found.flags.update({name: _whole(flag, values[0])})


def _quantity(name: str, unit: str) -> tuple[int, _Act]:
    return 1, lambda found, flag, values: found.flags.update({name: f"{_number(flag, values[0]):.15g}{unit}"})


def _is(name: str, value: Any) -> tuple[int, _Act]:
    return 0, lambda found, flag, values: found.flags.update({name: value})


def _one_of(name: str, choices: dict[str, Any]) -> tuple[int, _Act]:
    def act(found: Translated, flag: str, values: list[str]) -> None:
        if values[0] not in choices:
            raise ConfigError(
                f"{flag} {values[0][:40]} has no counterpart; those that have: {', '.join(choices)}", field=_FIELD
            )
        found.flags[name] = choices[values[0]]

    return 1, act


def _strategy(found: Translated, flag: str, values: list[str]) -> None:
    _one_of("switch_choice", _STRATEGIES)[1](found, flag, values)
    if values[0] != "ecmp_host":  # switches choose, senders do not
        found.flags["paths"] = 1


def _ecn(found: Translated, flag: str, values: list[str]) -> None:
    found.flags["ecn_packets"] = ",".join(str(_whole(flag, value)) for value in values)


_MEANINGS: dict[str, tuple[int, _Act]] = {
    "-sender_cc_only": _who(True, False),
    "-receiver_cc_only": _who(False, True),
    "-sender_cc": _who(True, None),
    "-receiver_cc": _who(None, True),
    "-sender_cc_algo": _one_of("control", _ALGORITHMS),
    "-load_balancing_algo": _one_of(
        "balance", {name: name for name in ("mixed", "bitmap", "reps", "reps_legacy", "oblivious")}
    ),
    "-paths": _count("paths"),
    "-strat": (1, _strategy),
    "-queue_type": _one_of("queue_type", {"composite": None}),
    "-q": _count("queue_packets"),
    "-queue_size_bdp_factor": _count("queue_bdps"),
    "-ecn": (2, _ecn),
    "-cwnd": _count("window_packets"),
    "-mtu": _quantity("mtu", "B"),
    "-sack_threshold": _quantity("ack_every", "B"),
    "-target_q_delay": _quantity("target_delay", "us"),
    "-disable_trim": _is("queues", "drop"),
    "-oversubscribed_cc": _is("follow_marks", True),
    "-force_disable_oversubscribed_cc": _is("follow_marks", False),
    "-linkspeed": _quantity("rate", "Mb/s"),
    "-tiers": _count("tiers"),
    "-hop_latency": _quantity("hop_latency", "us"),
    "-switch_latency": _quantity("switch_latency", "us"),
    "-failed": _count("degraded"),
    "-end": _quantity("until", "us"),
    "-seed": _count("seed"),
}
