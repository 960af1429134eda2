"""FRR's daemons on one node, and what they say: processes with their files in one folder, and their command sockets.

A command goes straight to a daemon's socket, as vtysh sends it: the text and a zero byte; the answer ends with three
zero bytes and one with the code of what happened (FRR, vtysh/vtysh.c). That takes a millisecond; vtysh takes a hundred.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import time
from functools import cache
from pathlib import Path
from typing import Any

from weft.errors import InfeasibleError

FOLDER = Path("/usr/lib/frr")
DAEMONS = ("zebra", "bgpd", "bfdd")  # zebra first: the others look for its socket once, and then only much later again
CONFIG = "frr.conf"
_USER = "frr"  # whom Debian's daemons become
_PATIENCE_s = 15.0
_END = b"\0\0\0"


def command(daemon: str, folder: Path) -> list[str]:
    """Return what starts a daemon; it returns once the daemon is in the background and ready."""
    line = [str(FOLDER / daemon), "-d", "-f", str(folder / "empty.conf"), "-z", str(folder / "zserv.api")]
    line += ["-i", str(folder / f"{daemon}.pid"), "--vty_socket", str(folder), "-P", "0"]  # 0: no telnet
    line += ["--log", f"file:{folder / daemon}.log"]
    if daemon == "bfdd":
        return [*_first(), *line, "--bfdctl", str(folder / "bfdd.sock")]
    return line


def configure(folder: Path) -> list[str]:
    """Return what gives all daemons the node's configuration."""
    return ["vtysh", "--vty_socket", str(folder), "--config_dir", str(folder), "-f", str(folder / CONFIG)]


def make_folder(folder: Path, configuration: str) -> None:
    """Make a node's folder, with its configuration as it was exported.

    Raises:
        InfeasibleError: the user that FRR runs as does not exist.
    """
    folder.mkdir(parents=True, mode=0o755)
    (folder / CONFIG).write_text(configuration, encoding="utf-8")
    (folder / "empty.conf").touch()
    try:
        for path in (folder, folder / CONFIG, folder / "empty.conf"):
            shutil.chown(path, _USER, _USER)
    except LookupError:
        raise InfeasibleError(f"there is no user {_USER}, whom FRR runs as; install frr again") from None


def wait_for(running: dict[str, subprocess.Popen[Any]], what: str) -> None:
    """Wait until programs have done what they were started for.

    Raises:
        InfeasibleError: one failed, or took too long.
    """
    end = time.monotonic() + _PATIENCE_s
    failed = ""
    for node, process in running.items():
        try:
            said = process.communicate(timeout=max(0.1, end - time.monotonic()))[0]
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            failed = failed or f"{what} on {node} took more than {_PATIENCE_s:g} s"
            continue
        if process.returncode:
            words = " ".join(said.decode(errors="replace").split())[-200:]
            failed = failed or f"{what} on {node} failed: {words or process.returncode}"
    if failed:
        raise InfeasibleError(failed)


def ask(folder: Path, daemon: str, line: str) -> str:
    """Return what a daemon answers to one command.

    Raises:
        InfeasibleError: it is not there, or does not know the command.
    """
    try:
        with socket.socket(socket.AF_UNIX) as talk:
            talk.settimeout(_PATIENCE_s)
            talk.connect(str(folder / f"{daemon}.vty"))
            for words in ("enable", line):
                talk.sendall(words.encode() + b"\0")
                answer, code = _answer(talk)
    except OSError as error:
        raise InfeasibleError(f"{daemon} of {folder.name} does not answer: {error.strerror or error}") from None
    if code not in (0, 1):  # CMD_SUCCESS, CMD_WARNING
        raise InfeasibleError(f"{daemon} of {folder.name} does not know {line!r}: {answer.strip()[:100]}")
    return answer


def ask_json(folder: Path, daemon: str, line: str) -> Any:
    """Return what a daemon answers to a command that gives JSON.

    Raises:
        InfeasibleError: it is not there, or answers something else.
    """
    answer = ask(folder, daemon, line)
    try:
        return json.loads(answer or "{}")
    except ValueError:
        raise InfeasibleError(f"{daemon} of {folder.name} answered {line!r} with no JSON") from None


def end(folders: list[Path]) -> None:
    """End the daemons of some nodes, and wait for it."""
    left = [pid for folder in folders for pid in _pids(folder)]
    for number, patience_s in ((signal.SIGTERM, 1.0), (signal.SIGKILL, 0.5)):
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
        until = time.monotonic() + patience_s
        while left and time.monotonic() < until:
            left = [pid for pid in left if _is_daemon(pid)]
            time.sleep(0.01 if left else 0)


def _answer(talk: socket.socket) -> tuple[str, int]:
    got = b""
    while len(got) < 4 or got[-4:-1] != _END:
        piece = talk.recv(1 << 16)
        if not piece:
            raise OSError("it hung up")
        got += piece
    return got[:-4].decode(errors="replace").strip("\0"), got[-1]


def _pids(folder: Path) -> list[int]:
    found = []
    for daemon in DAEMONS:
        with contextlib.suppress(OSError, ValueError):
            found.append(int((folder / f"{daemon}.pid").read_text()))
    return [pid for pid in found if _is_daemon(pid)]


def _is_daemon(pid: int) -> bool:
    """Whether a number is one of FRR's daemons still: it might have been given to another process since."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return state.split("(")[1].split(")")[0] in DAEMONS and state.rpartition(")")[2].split()[0] not in "ZX"


@cache
def _first() -> tuple[str, ...]:
    """Return what puts a daemon before ordinary processes, where that is allowed.

    It is for bfdd alone: its timers are short, and one that must wait for the processor looks like one that is dead.
    Put before others as well, zebra and bgpd keep it waiting while they work on many routes; it then takes sessions
    down, which makes more work, and on two cores with a dozen switches that may never end.
    """
    if shutil.which("chrt") is None:
        return ()
    tried = subprocess.run(["chrt", "-r", "1", "true"], capture_output=True)
    return ("chrt", "-r", "1") if tried.returncode == 0 else ()
