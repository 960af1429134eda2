"""``weft lab fail`` and ``weft lab heal``: break a lab the ways networks break, and mend it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from weft.lab import Lab

fail = typer.Typer(
    help="Break something: link, silent, degrade, flap, switch, host. Mend it with: weft lab heal",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)
_A = Annotated[str, typer.Argument(metavar="A", help="a node, or one of its ports: leaf0:swp3")]
_B = Annotated[str, typer.Argument(metavar="B", help="the node at the other end, or its port")]
_Node = Annotated[str, typer.Argument(metavar="NODE")]
_Run = Annotated[str | None, typer.Option("--run", help="which lab, where several are up")]
_CODES = "Exit codes: 0 done, 1 the machine refuses, 2 no such link or node."


@fail.command("link", epilog=f"Example: weft lab fail link leaf0 spine1  {_CODES}")
def link(a: _A, b: _B, run: _Run = None) -> None:
    """Cut a cable: both ends lose carrier."""
    from weft.lab import faults

    _do(run, lambda lab: faults.cut(lab, lab.plan.link(a, b)), f"{a} - {b} is cut")


@fail.command("silent", epilog=f"Example: weft lab fail silent leaf0 spine1  {_CODES}")
def silent(a: _A, b: _B, run: _Run = None) -> None:
    """Lose every packet of a link, both ways, while its carrier stays: no link event tells of it."""
    from weft.lab import faults

    _do(run, lambda lab: faults.silent(lab, lab.plan.link(a, b)), f"{a} - {b} loses all packets")


@fail.command("degrade", epilog=f"Example: weft lab fail degrade leaf0 spine1 --to 20%  {_CODES}")
def degrade(
    a: _A, b: _B, to: Annotated[str, typer.Option(help="what is left of the rate: 20%")], run: _Run = None
) -> None:
    """Slow a link down, both ways."""
    from weft.lab import faults

    share = _share(to)
    _do(run, lambda lab: faults.degrade(lab, lab.plan.link(a, b), share), f"{a} - {b} keeps {share:.4g} of its rate")


@fail.command("flap", epilog=f"Example: weft lab fail flap leaf0 spine1 --period 2s --times 5  {_CODES}")
def flap(
    a: _A,
    b: _B,
    period: Annotated[str, typer.Option(help="from one cut to the next; half of it the link is down")] = "2s",
    times: Annotated[int, typer.Option(min=1, help="cuts")] = 5,
    run: _Run = None,
) -> None:
    """Cut a link and mend it, over and over. It is whole when the command ends, also if interrupted."""
    from weft.lab import faults
    from weft.lab.lab import interruptible
    from weft.units import DURATION, parse

    period_s = parse(period, DURATION)
    with interruptible():
        _do(run, lambda lab: faults.flap(lab, lab.plan.link(a, b), period_s, times), f"{a} - {b} flapped {times} times")


@fail.command("switch", epilog=f"Example: weft lab fail switch spine1  {_CODES}")
def switch(node: _Node, run: _Run = None) -> None:
    """Lose a switch: all its ports go down at once."""
    _stop(node, "switch", run)


@fail.command("host", epilog=f"Example: weft lab fail host host3  {_CODES}")
def host(node: _Node, run: _Run = None) -> None:
    """Lose a host: all its ports go down, and all its processes end."""
    _stop(node, "host", run)


def heal(
    a: Annotated[str | None, typer.Argument(metavar="[A", help="a node; without one, everything is mended")] = None,
    b: Annotated[str | None, typer.Argument(metavar="[B]]", help="with it, only the link between the two")] = None,
    run: _Run = None,
) -> None:
    """Mend a link, a node with all its links, or everything: ports, rates, routes."""
    from weft.lab import faults

    if a is None:
        _do(run, faults.heal_all, "all is whole")
    elif b is None:
        _do(run, lambda lab: faults.heal_node(lab, lab.plan.node(a)), f"{a} is whole")
    else:
        _do(run, lambda lab: faults.heal(lab, lab.plan.link(a, b)), f"{a} - {b} is whole")


fail.command("heal", hidden=True)(heal)


def _stop(name: str, role: str, run: str | None) -> None:
    from weft.errors import ConfigError
    from weft.lab import faults

    def stop(lab: Lab) -> None:
        node = lab.plan.node(name)
        if node.role != role:
            raise ConfigError(f"{name} is a {node.role}, not a {role}; write: weft lab fail {node.role} {name}")
        faults.stop_node(lab, node)

    _do(run, stop, f"{name} is lost")


def _do(run: str | None, work: Callable[[Lab], None], done: str) -> None:
    from weft.lab import Lab

    with closing(Lab.attach(run)) as lab:
        work(lab)
    typer.echo(f"lab {lab.run}: {done}")


def _share(text: str) -> float:
    from weft.errors import ConfigError

    try:
        return float(text[:-1]) / 100 if text.endswith("%") else float(text)
    except ValueError:
        raise ConfigError(f"expected a share such as 20% or 0.2, read {text[:60]!r}", field="--to") from None
