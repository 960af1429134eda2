"""Named network namespaces, kept where ``ip netns`` keeps them, so that ``ip netns exec`` works on them."""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import subprocess
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from weft.errors import InfeasibleError

FOLDER = Path("/run/netns")

_T = TypeVar("_T")
_NEW_NET = 0x40000000
_BIND, _RECURSIVE, _SHARED, _DETACH = 0x1000, 0x4000, 1 << 20, 2
_libc = ctypes.CDLL(None, use_errno=True)


def apart(work: Callable[[], _T]) -> _T:
    """Run ``work`` in a thread of its own, whose namespace it may change, and return or raise what it does."""
    answer: list[_T] = []
    trouble: list[BaseException] = []

    def run() -> None:
        try:
            answer.append(work())
        except BaseException as error:
            trouble.append(error)

    thread = threading.Thread(target=run, name="weft-namespace", daemon=True)
    thread.start()
    thread.join()
    if trouble:
        raise trouble[0]
    return answer[0]


def create(names: Iterable[str], each: Callable[[str], _T]) -> dict[str, _T]:
    """Make namespaces; inside every one call ``each`` with its name, and return by name what it gave.

    Raises:
        InfeasibleError: the machine does not allow it.
    """

    def work() -> dict[str, _T]:
        found = {}
        for name in names:
            _system("make a network namespace", _libc.unshare(_NEW_NET))
            path = FOLDER / name
            path.touch(mode=0o444, exist_ok=False)
            _mount("/proc/thread-self/ns/net", path, _BIND)
            found[name] = each(name)
        return found

    _share_folder()
    return apart(work)


def within(name: str, work: Callable[[], _T]) -> _T:
    """Run ``work`` in a namespace (in a thread of its own), and return what it does.

    Raises:
        InfeasibleError: there is no such namespace, or it may not be entered.
    """

    def run() -> _T:
        enter(name)
        return work()

    return apart(run)


def enter(name: str) -> None:
    """Put the calling thread into a namespace.

    Raises:
        InfeasibleError: there is none of this name, or it may not be entered.
    """
    try:
        handle = os.open(FOLDER / name, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise InfeasibleError(f"the network namespace {name} cannot be opened: {error.strerror}") from None
    try:
        _system(f"enter the network namespace {name}", _libc.setns(handle, _NEW_NET))
    finally:
        os.close(handle)


def listed(prefix: str) -> list[str]:
    """Return the names of all namespaces that begin with a prefix, in order."""
    try:
        return sorted(name for name in os.listdir(FOLDER) if name.startswith(prefix))
    except FileNotFoundError:
        return []


def delete(name: str) -> None:
    """Take away a namespace's name; the kernel clears it up once nobody is in it. None of that name is no harm."""
    path = os.fsencode(FOLDER / name)
    _libc.umount2(path, _DETACH)  # refused where making it was cut short: then only the file is there
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)


def write_sysctls(settings: Mapping[str, object]) -> None:
    """Write kernel settings of the calling thread's namespace, by path below ``/proc/sys/net``.

    Raises:
        InfeasibleError: one does not exist or does not take the value.
    """
    for key, value in settings.items():
        try:
            handle = os.open(f"/proc/sys/net/{key}", os.O_WRONLY)
            try:
                os.write(handle, str(value).encode())
            finally:
                os.close(handle)
        except OSError as error:
            raise InfeasibleError(f"net/{key} cannot be set to {value}: {error.strerror}") from None


def spawn(name: str, command: Sequence[str], **options: Any) -> subprocess.Popen[Any]:
    """Start a process in a namespace; ``options`` as of `subprocess.Popen`.

    Raises:
        InfeasibleError: no such namespace, or no such program.
    """

    def start() -> subprocess.Popen[Any]:
        try:
            return subprocess.Popen(list(command), **options)  # a child is in the namespace of the thread that forks it
        except OSError as error:
            raise InfeasibleError(f"{command[0]} cannot be started: {error.strerror}") from None

    return within(name, start)


def processes(names: Iterable[str], marker: str = "") -> dict[int, str]:
    """Return by process id the namespace it is in, of some; ``""`` where only its environment has the marker.

    Complexity: one pass over the machine's processes.
    """
    wanted = {}
    for name in names:
        with contextlib.suppress(OSError):
            wanted[os.stat(FOLDER / name).st_ino] = name
    found = {}
    for pid, environment in _everyone(bool(marker)):
        try:
            inode = os.stat(f"/proc/{pid}/ns/net").st_ino
        except OSError:
            continue
        if inode in wanted:
            found[pid] = wanted[inode]
        elif marker and marker.encode() in environment:
            found[pid] = ""
    return found


def _everyone(with_environment: bool) -> Iterator[tuple[int, list[bytes]]]:
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            environment: list[bytes] = []
            if with_environment:
                with contextlib.suppress(OSError):
                    environment = Path(f"/proc/{entry}/environ").read_bytes().split(b"\0")
            yield int(entry), environment


def _share_folder() -> None:
    """Make ``/run/netns`` what ``ip netns`` makes of it: a mount whose changes all mount namespaces see."""
    FOLDER.mkdir(mode=0o755, parents=True, exist_ok=True)
    handle = os.open(FOLDER, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)  # others may do the same at this moment
        target = os.fsencode(FOLDER)
        if _libc.mount(b"", target, b"none", _SHARED | _RECURSIVE, None) == 0:
            return
        _mount(str(FOLDER), FOLDER, _BIND | _RECURSIVE)
        _system(f"share {FOLDER}", _libc.mount(b"", target, b"none", _SHARED | _RECURSIVE, None))
    finally:
        os.close(handle)


def _mount(source: str, target: Path, flags: int) -> None:
    code = _libc.mount(source.encode(), os.fsencode(target), b"none", flags, None)
    _system(f"mount {target}", code)


def _system(what: str, code: int) -> None:
    if code:
        number = ctypes.get_errno()
        hint = "; a lab needs root (CAP_SYS_ADMIN)" if number == 1 else ""
        raise InfeasibleError(f"the system refused to {what}: {os.strerror(number)}{hint}")
