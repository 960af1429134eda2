"""What makes the switches of a lab forward. A backend is one file with one class, named in `BACKENDS`."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from weft.control import Southbound
from weft.errors import UnknownName

if TYPE_CHECKING:
    from weft.lab.lab import Lab

# name: module:class, imported when asked for
BACKENDS: dict[str, str] = {
    "kernel": "weft.lab.kernel_backend:KernelBackend",
    "frr": "weft.lab.frr_backend:FrrBackend",
    "uml": "weft.lab.uml_backend:UmlBackend",
    "ovs": "weft.lab.ovs_backend:OvsBackend",
}


class Backend(Protocol):
    """What brings the switches of a lab to life. The lab has made namespaces and links, shaped them and set them up."""

    @property
    def name(self) -> str:
        """As ``--backend`` has it."""
        ...

    @property
    def kernel_switches(self) -> bool:
        """Whether the kernel forwards in the switches' namespaces: they then have addresses and neighbours."""
        ...

    @property
    def link_local(self) -> bool:
        """Whether the switches' ports need IPv6 link-local addresses."""
        ...

    def missing(self) -> Sequence[str]:
        """Say what this machine lacks, each with what to install; nothing where it can run."""
        ...

    def start(self, lab: Lab) -> None:
        """Make the switches forward. Hosts' routes are in place."""
        ...

    def stop(self, lab: Lab) -> None:
        """End what `start` began. Processes in the lab's namespaces are ended by the lab in any case."""
        ...

    def restore(self, lab: Lab, node: str, port: str) -> None:
        """Put back what the kernel forgot of a switch's port when it went down. It is up again."""
        ...

    def southbound(self, lab: Lab) -> Southbound | None:
        """Return how a controller steers it; None where it steers itself."""
        ...


@runtime_checkable
class Told(Protocol):
    """A backend whose switches do not see for themselves that a port has lost carrier."""

    def lost(self, lab: Lab, node: str, port: str) -> None:
        """Tell a switch so."""
        ...


@runtime_checkable
class Noticing(Protocol):
    """A backend whose switches notice by themselves, a moment later, that a port is up.

    Until they have, its neighbour must not be heard. FRR's zebra tells bgpd of a neighbour's address when the first
    advertisement comes, bgpd forgets it when the news that the port was down comes after that, and zebra tells once:
    the session never comes back.
    """

    def noticed(self, lab: Lab, node: str, port: str) -> bool:
        """Return whether a switch knows that a port is up."""
        ...


@runtime_checkable
class Settling(Protocol):
    """A backend whose switches take a while, after a link is back, to use it again."""

    def settle(self, lab: Lab) -> None:
        """Wait until all is forwarded as designed.

        Raises:
            InfeasibleError: that took too long.
        """
        ...


def backend_of(name: str) -> Backend:
    """Return a backend by name.

    Raises:
        UnknownName: there is none.
    """
    if name not in BACKENDS:
        raise UnknownName("backend", name, BACKENDS)
    module, _, kind = BACKENDS[name].partition(":")
    backend: Backend = getattr(importlib.import_module(module), kind)()
    return backend
