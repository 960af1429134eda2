"""Long links: two veth pairs each, joined in a namespace of their own by a program that holds packets back."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from weft.errors import InfeasibleError
from weft.lab import delay_line, namespace
from weft.lab.netlink import Message
from weft.lab.netlink.links import End, set_link
from weft.lab.plan import LabLink

NAME = ".glass"  # no node is called that


def middle(number: int, upper: bool, handle: int) -> End:
    """Return the end in the glass of the ``number``-th long link."""
    name = f"glass{number}{'b' if upper else 'a'}"
    return End(handle, 2 + 2 * number + upper, name, bytes((2, 0x58, 0, 0, number, upper)))


def set_up(links: Sequence[LabLink]) -> list[Message]:
    """Return what sets the glass's interfaces up."""
    ends = [middle(number, upper, 0) for number in range(len(links)) for upper in (False, True)]
    return [set_link(end.index, end.name, up=True) for end in ends]


def start(name: str, links: Sequence[LabLink], environment: dict[str, str]) -> None:
    """Start the program that holds packets back, in the namespace of the glass; it ends with the lab.

    Raises:
        InfeasibleError: it does not run.
    """
    words = []
    for number, link in enumerate(links):
        words += [middle(number, False, 0).name, middle(number, True, 0).name, repr(link.delay_s)]
    command = [sys.executable, "-I", str(Path(delay_line.__file__)), *words]
    quiet = {"stdin": subprocess.DEVNULL, "stderr": subprocess.PIPE, "stdout": subprocess.PIPE}
    process = namespace.spawn(name, command, env=environment, start_new_session=True, text=True, **quiet)
    out, err = process.stdout, process.stderr
    if out is None or err is None or out.readline().strip() != "ready":
        process.kill()
        why = process.communicate()[1].strip().splitlines()
        raise InfeasibleError(f"long links cannot be given their delay: {why[-1] if why else 'the delay line ended'}")
    out.close()
    err.close()
    process.returncode = 0  # it is the lab's from here on, not this process's child to wait for


def runs(name: str) -> bool:
    """Return whether the program is there."""
    return bool(namespace.processes([name]))
