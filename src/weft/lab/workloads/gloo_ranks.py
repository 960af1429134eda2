"""The process behind a gloo job: imports PyTorch, forks into ranks, each in its host's namespace, and hands on work.

Commands come as JSON lines on standard input, answers go as JSON lines to standard output; the end of input ends all.
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import re
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from multiprocessing.connection import Connection, wait
from typing import Any

from weft.lab import namespace

_Done = Callable[[], None]


def main(spec: dict[str, Any]) -> None:
    """Fork into ranks, and pass commands and answers on until input ends."""
    import torch

    torch.set_num_threads(1)
    fork = multiprocessing.get_context("fork")
    count = len(spec["namespaces"])
    pipes, children = [], []
    for rank in range(count):
        mine, theirs = fork.Pipe()
        child = fork.Process(target=_rank, args=(rank, spec, theirs), daemon=True)
        child.start()
        theirs.close()
        pipes.append(mine)
        children.append(child)
        if rank == 0:  # where the others are to meet it: two jobs of one lab may share a host
            met = _gather(pipes)[0]
            if "error" in met:
                _print(_merged([met]))
                return
            spec["port"] = met["port"]
    answers = _gather(pipes)
    _print(_merged(answers) if _failed(answers) else {"start_s": max(answer["start_s"] for answer in answers)})
    while not _failed(answers):
        line = sys.stdin.readline()
        if not line:
            break
        for pipe in pipes:
            pipe.send(json.loads(line))
        answers = _gather(pipes)
        _print(_merged(answers))
    for child in children:
        child.kill()


def _rank(rank: int, spec: dict[str, Any], pipe: Connection) -> None:
    """Be one rank: join the others, then do as told."""
    import torch.distributed as dist
    from torch._C._distributed_c10d import TCPStore

    began_s = time.monotonic()
    try:
        namespace.enter(spec["namespaces"][rank])
        os.environ["GLOO_SOCKET_IFNAME"] = spec["ports"][rank]
        timeout = timedelta(seconds=spec["timeout_s"])
        count = len(spec["namespaces"])
        first = rank == 0
        port = 0 if first else spec["port"]
        store = TCPStore(spec["master"], port, is_master=first, timeout=timeout, wait_for_workers=False)
        if first:
            pipe.send({"port": store.port})
        dist.init_process_group("gloo", store=store, rank=rank, world_size=count, timeout=timeout)
        dist.barrier()
        pipe.send({"start_s": time.monotonic() - began_s})
    except Exception as error:  # whatever PyTorch raises, the user's process is to say it
        pipe.send({"error": _short(error)})
        return
    while True:
        command = pipe.recv()
        ends_s: list[float] = []
        try:
            pipe.send(_work(command, rank, count, ends_s) | {"ends_s": ends_s})
        except Exception as error:  # a broken network shows as one of many kinds
            pipe.send({"error": f"rank {rank}: {_short(error)}", "ends_s": ends_s})


def _work(command: dict[str, Any], rank: int, count: int, ends_s: list[float]) -> dict[str, Any]:
    import torch.distributed as dist

    def done() -> None:
        ends_s.append(time.monotonic())

    dist.barrier()
    done()
    if command["kind"] == "training":
        return _train(command, rank, count, done)
    return _collectives(command, rank, count, done)


def _collectives(command: dict[str, Any], rank: int, count: int, done: _Done) -> dict[str, Any]:
    """Do a collective again and again, and see every time that the outcome is right."""
    import torch
    import torch.distributed as dist

    each = command["size_bytes"] // 4 // count  # elements from one rank to another, or of one part
    whole = torch.empty(each * count)
    out = torch.empty(each * count)
    expected = torch.repeat_interleave(torch.arange(1.0, count + 1), each)
    for step in range(command["iterations"]):
        if command["kind"] == "all_reduce":
            whole.fill_(rank + 1 + step)
            dist.all_reduce(whole)
            right = bool((whole == count * (count + 1) / 2 + count * step).all())
        elif command["kind"] == "all_gather":
            part = torch.full((each,), rank + 1.0)
            dist.all_gather(list(out.chunk(count)), part)
            right = bool((out == expected).all())
        else:
            whole.fill_(rank + 1.0)
            dist.all_to_all_single(out, whole)
            right = bool((out == expected).all())
        done()
        if not right:
            raise ValueError(f"step {step} of {command['kind']} has a wrong outcome")
    return {"size_bytes": each * count * 4}


def _train(command: dict[str, Any], rank: int, count: int, done: _Done) -> dict[str, Any]:
    """Fit a two-layer network to a function of its inputs, each rank on data of its own, gradients averaged.

    Written out, without DistributedDataParallel, so that a step has one all-reduce of a known size.
    """
    import torch
    import torch.distributed as dist

    torch.manual_seed(0)
    inputs = 16
    width = max(8, round(command["size_bytes"] / 4 / (inputs + 2)))
    model = torch.nn.Sequential(torch.nn.Linear(inputs, width), torch.nn.Tanh(), torch.nn.Linear(width, 1))
    parameters = list(model.parameters())
    own = torch.Generator().manual_seed(1 + rank)
    x = torch.randn(64, inputs, generator=own)
    y = torch.sin(x.sum(dim=1, keepdim=True) / 2)
    losses = []
    size = 0
    for _ in range(command["iterations"]):
        loss = torch.nn.functional.mse_loss(model(x), y)
        found = torch.autograd.grad(loss, parameters)
        gradients = torch.cat([gradient.reshape(-1) for gradient in found] + [loss.detach().reshape(1)])
        dist.all_reduce(gradients)
        gradients /= count
        size = 4 * gradients.numel()
        losses.append(float(gradients[-1]))
        at = 0
        with torch.no_grad():
            for parameter in parameters:
                part = gradients[at : at + parameter.numel()]
                parameter.sub_(part.view_as(parameter), alpha=0.5 / width**0.5)
                at += parameter.numel()
        done()
    bits = b"".join(parameter.detach().numpy().tobytes() for parameter in parameters)
    return {"size_bytes": size, "losses": losses, "digest": hashlib.sha256(bits).hexdigest()}


def _gather(pipes: list[Connection]) -> list[dict[str, Any]]:
    """Return one answer a rank; those of a rank that is gone are errors."""
    answers: dict[int, dict[str, Any]] = {}
    waiting = {id(pipe): number for number, pipe in enumerate(pipes)}
    while len(answers) < len(pipes):
        for pipe in wait([pipe for number, pipe in enumerate(pipes) if number not in answers]):
            number = waiting[id(pipe)]
            try:
                answers[number] = pipes[number].recv()
            except (EOFError, OSError):
                answers[number] = {"error": f"rank {number} is gone"}
    return [answers[number] for number in range(len(pipes))]


def _failed(answers: list[dict[str, Any]]) -> bool:
    return any("error" in answer for answer in answers)


def _merged(answers: list[dict[str, Any]]) -> dict[str, Any]:
    """Make one answer of all: a step ends when its last rank does."""
    ends = [answer.get("ends_s", []) for answer in answers]
    merged: dict[str, Any] = {"ends_s": [max(times) for times in zip(*ends, strict=False)]}
    errors = [answer["error"] for answer in answers if "error" in answer]
    if errors:
        merged |= {"error": errors[0], "failed_ranks": len(errors)}
    else:
        merged["size_bytes"] = answers[0].get("size_bytes", 0)
    if "losses" in answers[0]:
        digests = {answer.get("digest") for answer in answers}
        merged |= {"losses": answers[0]["losses"], "bit_equal": len(digests) == 1}
    return merged


def _short(error: Exception) -> str:
    """Return what an error says in one line, without the place in gloo's source that it begins with."""
    return " ".join(re.sub(r"^\[[^]]*\]", "", str(error)).split()).partition(". ")[0][:200] or type(error).__name__


def _print(answer: dict[str, Any]) -> None:
    print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
