"""The host of an accelerator, as one rank sees it: the link to it, and its share of the processors' memory."""

from __future__ import annotations

from dataclasses import dataclass

from weft.catalog import Part
from weft.errors import ConfigError
from weft.workload.spec import Job

_FACTS = ("host_copy_gBps", "host_memory_gBps", "host_memory_gb")


@dataclass(frozen=True)
class Host:
    """What one rank has of its host.

    Attributes:
        copy_Bps: rate of a copy between pinned host memory and the accelerator, one way.
        memory_Bps: its share of the host memory's bandwidth; as many accelerators share a host as usually do.
        memory_bytes: its share of the host memory.
    """

    copy_Bps: float
    memory_Bps: float
    memory_bytes: float


def host_of(accelerator: Part) -> Host | None:
    """The host of an accelerator; None where the catalog does not say what its hosts are like."""
    if not all(accelerator.has(fact) for fact in _FACTS):
        return None
    copy, bandwidth, capacity = (accelerator.si(fact) for fact in _FACTS)
    return Host(copy, bandwidth, capacity)


def needed_host(accelerator: Part) -> Host:
    """The same, for a job that offloads.

    Raises:
        ConfigError: the catalog does not say what the accelerator's hosts are like.
    """
    found = host_of(accelerator)
    if found is None:
        raise ConfigError(
            f"the catalog has no host for {accelerator.id}; an overlay with {', '.join(_FACTS)} would give it one",
            field="offload",
        )
    return found


def check_offload(job: Job) -> None:
    """Refuse what cannot be offloaded.

    Raises:
        ConfigError: gradients that are not sharded; nothing at all.
    """
    asked = job.offload
    if asked is None:
        return
    if asked.gradients and job.parallelism.zero < 2:
        raise ConfigError(
            f"gradients go to the host once they are sharded: set parallelism.zero to 2 or 3, read"
            f" {job.parallelism.zero}",
            field="offload.gradients",
        )
    if asked.gradients and asked.optimizer == 0:
        raise ConfigError(
            "gradients go where the optimizer needs them; set offload.optimizer above 0", field="offload.gradients"
        )
    if asked.optimizer == 0 and asked.activations == 0:
        raise ConfigError(
            "nothing is offloaded: set optimizer or activations above 0, or leave offload out", field="offload"
        )
