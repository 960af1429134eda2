"""How many cables, modules and fibres links take: a port may serve several links, a mirror needs no module."""

from __future__ import annotations

from dataclasses import dataclass

from weft.fabric import LinkClass


@dataclass(frozen=True, slots=True)
class Ends:
    """What to buy for a class of links.

    Attributes:
        links: links as they are counted.
        cables: cables, where both ends are one part.
        lower, upper: modules at each end.
        fibres: fibres between modules.
        share: links that one module at the lower end serves: its fibre pairs are split among them.
    """

    links: int
    cables: int
    lower: int
    upper: int
    fibres: int
    share: int = 1


def ends_of(link: LinkClass) -> Ends:
    """Return what a class of links takes.

    Links that share a port's breakout share its module and its fibre; twin-port modules and splitter cables serve
    several links with one part.
    """
    lower, upper = max(link.lower_share, link.breakout), max(link.upper_share, link.breakout)
    return Ends(
        links=link.whole_cables,
        cables=_shared(link.cables, max(lower, upper)),
        lower=_shared(link.cables, lower),
        upper=_shared(link.cables, upper) if link.ends == 2 else 0,
        fibres=link.whole_cables,
        share=max(1, lower // link.breakout),
    )


def _shared(links: int, share: int) -> int:
    return -(-links // share)
