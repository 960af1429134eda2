"""The seven collectives and what NCCL calls their bandwidth.

``size_bytes`` is the *size* column of nccl-tests: the whole vector for all_reduce, broadcast, reduce and send_recv;
the gathered (all_gather) or the unscattered (reduce_scatter) vector; one rank's whole send buffer for all_to_all.
``algbw = size / time``; ``busbw = algbw x factor`` compares with the hardware's rate whatever the number of ranks
(nccl-tests, doc/PERFORMANCE.md).
"""

from __future__ import annotations

from weft.errors import ConfigError, UnknownName

KINDS = ("all_reduce", "all_gather", "reduce_scatter", "broadcast", "reduce", "all_to_all", "send_recv")
_ALIASES = {
    "alltoall": "all_to_all",
    "allreduce": "all_reduce",
    "allgather": "all_gather",
    "reducescatter": "reduce_scatter",
}
_ALIASES |= {"sendrecv": "send_recv", "bcast": "broadcast", "p2p": "send_recv"}


def canonical(kind: str) -> str:
    """Return the kind's name in Weft, accepting nccl-tests' spellings (``alltoall``, ``all_reduce_perf``).

    Raises:
        UnknownName: no collective answers to it.
    """
    name = kind.strip().lower().replace("-", "_").removesuffix("_perf")
    name = _ALIASES.get(name, name)
    if name not in KINDS:
        raise UnknownName("collective", kind, KINDS)
    return name


def busbw_factor(kind: str, ranks: int) -> float:
    """busbw / algbw: 2(n-1)/n for all_reduce, (n-1)/n for the kinds that keep 1/n at home, else 1."""
    if kind == "all_reduce":
        return 2 * (ranks - 1) / ranks
    if kind in ("all_gather", "reduce_scatter", "all_to_all"):
        return (ranks - 1) / ranks
    return 1.0


def busbw(kind: str, size_bytes: float, ranks: int, time_s: float) -> float:
    """Bus bandwidth in B/s as nccl-tests prints it; 0 where the time is 0."""
    return busbw_factor(kind, ranks) * size_bytes / time_s if time_s > 0 else 0.0


def least_bytes_out(kind: str, size_bytes: float, ranks: int) -> float:
    """Bytes that must leave (or, for all_gather and broadcast, enter) the busiest rank where no switch reduces.

    The lower bound behind busbw: no algorithm among the ranks alone beats ``least_bytes_out / rate``.
    """
    return busbw_factor(kind, ranks) * size_bytes if ranks > 1 else 0.0


def check_ranks(kind: str, ranks: int) -> None:
    """Raises `ConfigError` unless ``kind`` makes sense among ``ranks``."""
    if ranks < 1:
        raise ConfigError(f"a collective needs at least 1 rank, read {ranks}")
    if kind == "send_recv" and ranks < 2:
        raise ConfigError("send_recv needs 2 ranks")
