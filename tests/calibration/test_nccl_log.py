"""Logs of nccl-tests and rccl-tests: real layouts are read, what is no whole log is refused with file and line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from nccl_output import log_text

from weft.calibration import read_nccl_log
from weft.collectives import KINDS
from weft.errors import ConfigError

ROWS = [(2.0**at, 20e-6 + 2.0**at / 200e9) for at in range(10, 31)]
Write = Callable[[str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(text: str, name: str = "run.log") -> Path:
        path = tmp_path / name
        path.write_text(text)
        return path

    return write


@pytest.mark.parametrize("kind", KINDS)
def test_a_log_says_what_it_measured(write: Write, kind: str) -> None:
    log = read_nccl_log(write(log_text(kind, 16, ROWS, hosts=2)))
    assert (log.kind, log.ranks, log.hosts) == (kind, 16, 2)
    assert log.device == "NVIDIA H100 80GB HBM3"
    assert [row.size_bytes for row in log.rows] == [size for size, _ in ROWS]
    assert [row.out_of_place_s for row in log.rows] == pytest.approx([time for _, time in ROWS], rel=1e-3)
    assert [row.in_place_s for row in log.rows] == pytest.approx([0.99 * time for _, time in ROWS], rel=1e-3)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in ("send_recv", "broadcast", "reduce")])
def test_a_bare_table_tells_collective_and_ranks_by_its_bandwidths(write: Write, kind: str) -> None:
    table = [line for line in log_text(kind, 32, ROWS).splitlines() if not line.startswith("#")]
    log = read_nccl_log(write("\n".join(table)))
    assert (log.kind, log.ranks, log.hosts) == (kind, 32, None)


def test_what_the_columns_leave_open_is_asked_for(write: Write) -> None:
    rooted = write(log_text("broadcast", 8, ROWS, named=False, devices=False))
    with pytest.raises(ConfigError, match="give --ranks"):
        read_nccl_log(rooted)
    assert read_nccl_log(rooted, ranks=8).kind == "broadcast"
    both = write(
        log_text("all_gather", 8, ROWS, named=False).replace("      0\n", "    N/A\n").replace("      0 ", "    N/A ")
    )
    with pytest.raises(ConfigError, match="all_gather or all_to_all; give --kind"):
        read_nccl_log(both)
    assert read_nccl_log(both, kind="alltoall").kind == "all_to_all"


def test_the_name_of_the_program_or_the_file_will_do(tmp_path: Path) -> None:
    text = log_text("reduce", 2, ROWS, named=False)
    command = "mpirun -np 2 ./build/reduce_perf -b 1K -e 1G -f 2 -g 1\n"
    for name, content in (("a.log", command + text), ("reduce_perf.out", text)):
        (tmp_path / name).write_text(content)
        assert read_nccl_log(tmp_path / name).kind == "reduce"


def test_prefixes_of_launchers_and_noise_are_passed_over(write: Write) -> None:
    text = log_text("all_reduce", 8, ROWS)
    for prefix in ("0: ", "[1,0]<stdout>:", "[1,0]<stdout>: "):
        log = read_nccl_log(write("".join(f"{prefix}{line}\n" for line in text.splitlines())))
        assert (log.kind, log.ranks, len(log.rows)) == ("all_reduce", 8, len(ROWS))
    noise = (
        "2024-05-01 12:00:00 srun: job 12 queued\nNCCL version 2.21.5+cuda12.4\nnode0:1:1 [0] NCCL INFO NET/IB : 8\n"
    )
    assert len(read_nccl_log(write(noise + text + "slurmstepd: done\n")).rows) == len(ROWS)


def test_old_and_short_layouts(write: Write) -> None:
    """Versions before 2.9 have no root column; rccl-tests' devices; out of place only."""
    old = "      1048576        262144   float     sum    41.31   25.38   44.42  4e-07    40.79   25.71   44.99  4e-07"
    log = read_nccl_log(write(old), ranks=8)
    assert (log.kind, log.rows[0].out_of_place_s) == ("all_reduce", pytest.approx(41.31e-6))
    amd = "#   Rank  0 Group  0 Pid 3135 on smc300x device  0 [0x0c] AMD Instinct MI300X\n"
    amd += "#   Rank  1 Group  0 Pid 3135 on smc300x device  1 [0x22] AMD Instinct MI300X\n"
    short = "     8388608       2097152     float     sum      -1    100.0   83.89   83.89      0\n"
    log = read_nccl_log(write(amd + short), kind="all_reduce")
    assert (log.ranks, log.hosts, log.device, log.rows[0].in_place_s) == (2, 1, "AMD Instinct MI300X", None)


GOOD = log_text("all_reduce", 8, ROWS)
LINES = GOOD.splitlines()
OTHER = log_text("all_gather", 8, ROWS).splitlines()[-24:]
TABLE = next(at for at, line in enumerate(LINES, 1) if "(elements)" in line)


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("", None, "is empty"),
        ("name: cluster\nnodes: 4\n", 1, "no log of nccl-tests"),
        ("\0\1\2", 1, "is no text file"),
        ("\n".join(LINES[:TABLE]), TABLE, "cut off: the table has no rows"),
        ("\n".join(LINES[:3]), 3, "cut off: the table has no rows"),
        ("\n".join(LINES[: TABLE + 5]), TABLE + 5, "cut off: the last row is of 16384 bytes"),
        ("\n".join(LINES[: TABLE + 5])[:-9], TABLE + 5, "cut off: the row has too few columns"),
        ("\n".join(LINES[: TABLE + 5])[:-90], TABLE + 5, "cut off: the row has too few columns"),
        (GOOD + GOOD, len(LINES) + 1, "a second test begins"),
        (GOOD + log_text("all_gather", 8, ROWS), len(LINES) + 1, "kinds are mixed: all_gather after all_reduce"),
        ("\n".join([*LINES[: TABLE + 21], *OTHER]), TABLE + 22, "kinds are mixed"),
        (GOOD.replace("all_reduce_perf", "gather_perf"), 1, "gather_perf is none of"),
        (GOOD.replace("all_reduce_perf", "broadcast_perf"), None, "not those of broadcast"),
        (GOOD.replace("      0  ", "      3  "), TABLE + 1, "wrong results"),
        (GOOD.replace("   20.00", "    0.00").replace("   20.01", "    0.00"), TABLE + 1, "above 0 us"),
        ("\n".join(line for line in LINES if "Rank  3 " not in line), 1, "rank 3 has none"),
    ],
)  # fmt: skip
def test_what_is_no_whole_log_is_refused(write: Write, text: str, line: int | None, says: str) -> None:
    path = write(text)
    with pytest.raises(ConfigError, match=says) as caught:
        read_nccl_log(path)
    assert caught.value.file == str(path)
    if line is not None:
        assert caught.value.line == line
    assert "\n" not in str(caught.value)


def test_what_contradicts_the_log_is_refused(write: Write) -> None:
    path = write(GOOD)
    with pytest.raises(ConfigError, match="the log is of all_reduce, --kind says all_gather"):
        read_nccl_log(path, kind="all_gather")
    with pytest.raises(ConfigError, match="the log lists 8 ranks, --ranks says 4"):
        read_nccl_log(path, ranks=4)
    with pytest.raises(ConfigError, match="cannot be read"):
        read_nccl_log(path.with_name("none.log"))


@pytest.mark.parametrize("cut", range(150, len(GOOD) - 120, 97))
def test_a_log_cut_anywhere_in_its_table_is_refused(write: Write, cut: int) -> None:
    with pytest.raises(ConfigError, match=r"cut off|no log|no rows|give --|among"):
        read_nccl_log(write(GOOD[:cut]))
