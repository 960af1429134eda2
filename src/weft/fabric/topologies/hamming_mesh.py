"""HammingMesh: boards that are small meshes of accelerators, joined in rows and columns by switches.

An accelerator forwards traffic itself and has four ports: to its neighbours on the board, or, at the board's edge, to
the switches of its row or column. Each row of accelerators through x boards has 2x such ports, each column 2y, joined
without oversubscription: by one switch, which takes all lines of its row of boards that fit, or by a two-level tree of
its own where one line exceeds the radix.

Counts, for boards of a by b accelerators, x by y of them: a b x y accelerators, b y + a x lines of 2x and 2y ports. A
line of P ports of radix k > P takes 1 / ⌊k / P⌋ of a switch; a longer one ⌈P / (k / 2)⌉ leaves and ⌈P / k⌉ spines or a
few more, up to k² / 2 ports. One board in a row needs no row switches. An accelerator's NIC stands for its four ports:
``rate`` is of one of them, a quarter of the NIC's by default. Forwarding takes it as long as a switch.
Bisection, x even: b x y links across the rows (a quarter of what the halves can send for 2 by 2 boards, in general
1 / 2a), or a x y across the columns. Odd numbers of boards are cut through the middle ones, by
`weft.fabric.grid.product_cut`; what lines that share a switch add to that is left out, a lower bound. Coordinates of
switches: (0 of a row or 1 of a column, 0 a leaf or 1 a spine, row or column of boards, number there).
Source: T. Hoefler et al., HammingMesh: a network topology for large-scale deep learning, SC 2022.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Annotated

import numpy as np
import numpy.typing as npt
from pydantic import Field

from weft.errors import ConfigError
from weft.fabric.board_lines import Lines, edge_ports, join_lines, stacked
from weft.fabric.builder import GraphBuilder
from weft.fabric.direct import join, tiers
from weft.fabric.direct_options import DirectHardware, DirectOptions, Use, check_size, resolve_direct
from weft.fabric.distance import Cables, mean_latency_s
from weft.fabric.grid import along, product_cut
from weft.fabric.hardware import host_rate_Bps
from weft.fabric.media import link_latency_s
from weft.fabric.plan import Plan
from weft.fabric.scale_out import ScaleOut
from weft.fabric.tables import IntArray, Kind, LinkClass

NAMES: dict[Use, str] = {"local": "nic-leaf", "global": "leaf-spine"}
TRACE_M = 0.3  # between neighbours on a board: a board trace's usual length
Two = Annotated[list[Annotated[int, Field(ge=1, le=100_000)]], Field(min_length=2, max_length=2)]


class Options(DirectOptions):
    """What to write under ``scale_out`` with ``topology: hamming_mesh``.

    ``rate`` is of one of an accelerator's four ports. Cables to switches are ``local``, between them ``global``.
    """

    board: Two = Field([2, 2], description="accelerators of a board, along a row and along a column (a, b)")
    boards: Two | None = Field(None, description="boards in a row and in a column (x, y); default: nearest to square")


def build(plan: Plan, options: Options, graph: GraphBuilder, ports: npt.NDArray[np.int32]) -> ScaleOut:
    """Add the boards' links, the switches and their cables; see the module's text for counts.

    Raises:
        ConfigError: the boards do not hold exactly the accelerators there are.
        InfeasibleError: a row too long for a two-level tree.
    """
    a, b = options.board
    x, y = options.boards or _square(plan.endpoints, a * b)
    _check(plan, options, a * b * x * y)
    rate_Bps = host_rate_Bps(plan, None if options.rate is None else 4 * options.rate)
    hardware = resolve_direct(plan, options.model_copy(update={"rate": rate_Bps / 4}), names=NAMES)
    chip = np.arange(plan.endpoints).reshape(y, x, b, a)  # row and column of the board, row and column on it
    edges = [
        edge_ports(chip[:, :, :, 0], chip[:, :, :, -1]),
        edge_ports(chip[:, :, 0, :].swapaxes(0, 1), chip[:, :, -1, :].swapaxes(0, 1)),
    ]
    lines = [join_lines(each, hardware.radix) for each in edges]
    coordinates = stacked(lines)
    board_of = np.arange(plan.endpoints) // (a * b)
    boards = graph.nodes(Kind.GROUP, x * y)
    graph.place(graph.hosts, boards[board_of[:: plan.nics]])
    switches = [
        graph.nodes(kind, len(places), part=hardware.switch)
        for kind, places in zip((Kind.LEAF, Kind.SPINE), coordinates, strict=True)
        if len(places)
    ]
    rows = np.concatenate([ports.ravel(), *switches])
    cables = [_on_board(chip, _trace(plan, hardware)), *_to_switches(plan.endpoints, edges, lines, hardware)]
    join(graph, rows, cables)
    shared = any(0 < each.leaves < ports[:, :, 0].size for each, ports in zip(lines, edges, strict=True))
    cut = _cut(a, x, b, y, shared)
    at = np.arange(plan.endpoints)
    units = _units(board_of, len(rows), a * b)
    apart_s = mean_latency_s(cables, at, [np.arange(len(rows)), *(unit for _, unit in units)])[1:]
    return ScaleOut(
        "hamming_mesh",
        hardware.protocol.id,
        rate_Bps,
        tiers(cables, at, units, -hardware.latency_s, apart_s),  # the last accelerator on a way does not forward
        bisection_Bps=min(cut * hardware.rate_Bps, plan.endpoints // 2 * rate_Bps),
        coordinates=np.concatenate(coordinates),
    )


def _units(board_of: IntArray, vertices: int, board: int) -> list[tuple[str, IntArray]]:
    """Return the tiers: boards of several accelerators (all switches as one more), and the network of several."""
    boards = int(board_of[-1]) + 1
    units = [("board", np.append(board_of, np.full(vertices - len(board_of), boards)))] if board > 1 else []
    if boards > 1 or not units:
        units.append(("network", np.zeros(vertices, np.int64)))
    return units


def _check(plan: Plan, options: Options, accelerators: int) -> None:
    """Refuse boards that do not fit the nodes.

    Raises:
        ConfigError: names the field.
    """
    for name in ("p", "uplink_rate"):
        if getattr(options, name) is not None:
            raise ConfigError(
                f"{name} means nothing here; rate is of an accelerator's ports", field=f"scale_out.{name}"
            )
    if accelerators != plan.endpoints:
        raise ConfigError(
            f"the boards hold {accelerators:,} accelerators, one NIC each; the nodes have {plan.endpoints:,} NICs",
            field="scale_out.boards" if options.boards else "scale_out.board",
        )
    check_size(plan.endpoints, 8 * plan.endpoints)


def _square(endpoints: int, each: int) -> tuple[int, int]:
    """Return boards in a row and in a column: the factors nearest to each other."""
    boards = max(1, endpoints // each)
    y = next(n for n in range(math.isqrt(boards), 0, -1) if boards % n == 0)
    return boards // y, y


def _trace(plan: Plan, hardware: DirectHardware) -> LinkClass:
    """Return what the links between neighbours on a board share: traces, in the board's price."""
    run_s = link_latency_s(plan.catalog, plan.catalog.get("media", "pcb_trace_112g"), hardware.protocol, TRACE_M)
    both_s = run_s + hardware.latency_s
    link = hardware.links["local"]
    return replace(link, name="nic-nic", latency_up_s=both_s, latency_down_s=both_s, medium="", length_m=0.0)


def _on_board(chip: IntArray, link: LinkClass) -> Cables:
    """Return the links between neighbours on all boards."""
    ends = [np.empty((2, 0), np.int64)]
    for dim in (2, 3):
        first = np.arange(chip.shape[dim] - 1)
        ends.append(np.stack(along(chip.shape, dim, first, first + 1)))
    a, b = np.concatenate(ends, axis=1)
    return Cables(a, b, link)


def _to_switches(chips: int, edges: list[IntArray], lines: list[Lines], hardware: DirectHardware) -> list[Cables]:
    """Return the cables from boards to the switches of rows and of columns, and those between switches.

    Vertices are numbered: accelerators, leaves of rows, leaves of columns, spines of rows, spines of columns.
    """
    cables = []
    leaf, spine = chips, chips + sum(each.leaves for each in lines)
    for ports, each in zip(edges, lines, strict=True):
        if each.leaves:
            cables.append(Cables(ports.ravel(), leaf + each.leaf_of, hardware.links["local"]))
        if each.spines:
            cables.append(Cables(leaf + each.up[0], spine + each.up[1], hardware.links["global"]))
        leaf, spine = leaf + each.leaves, spine + each.spines
    return cables


def _cut(a: int, x: int, b: int, y: int, shared: bool) -> float:
    """Return the links in the thinnest halving: between boards, or through some where lines share no switch."""
    between = [boards * lines for boards, lines in ((x, b * y), (y, a * x)) if boards % 2 == 0]
    if between and shared:
        return min(between)
    return min([product_cut([a * x, b * y], [_line_cut(a, x), _line_cut(b, y)]), *between])


def _line_cut(on_board: int, boards: int) -> int:
    """Return the links in the thinnest halving of a line: between boards at its switch, or through the middle board."""
    if boards % 2 == 0:
        return boards
    if boards == 1:
        return 1
    return boards - 1 if on_board == 1 else boards + 1
