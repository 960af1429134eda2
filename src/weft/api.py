"""A cluster and a job in, an answer out: what ``weft simulate`` runs and Python callers call."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from weft.engines.executor import Progress
from weft.engines.scenario import Scenario, load_scenario
from weft.engines.step import run_step
from weft.errors import ConfigError
from weft.fabric import Cluster, build_fabric, load_cluster
from weft.fabric.routing_options import Routing
from weft.files import located, read_model
from weft.result import Result
from weft.workload.spec import Job

if TYPE_CHECKING:
    from weft.engines.packet.samples import Sampling
    from weft.engines.packet.transport import Transport


def load_job(path: str | os.PathLike[str]) -> Job:
    """Read a job file.

    Raises:
        ConfigError: with file, line and field.
    """
    return read_model(path, Job)


def simulate(
    cluster: Cluster | str | os.PathLike[str],
    job: Job | str | os.PathLike[str],
    *,
    engine: str = "analytic",
    fold: bool = True,
    scenario: Scenario | str | os.PathLike[str] | None = None,
    routing: Routing | None = None,
    watch: bool = False,
    progress: Progress | None = None,
    transport: Transport | str | None = None,
    sampling: Sampling | None = None,
) -> Result:
    """Simulate one optimizer step of a training job on a cluster.

    Args:
        cluster: a cluster, or the path of a cluster file.
        job: a job, or the path of a job file.
        engine: what times transfers; ``"analytic"`` is the closed form, ``"fluid"`` shares the links of real paths,
            ``"packet"`` sends packets over them.
        fold: let one stand for all that behave alike, and leave out micro-batches that only repeat the pipeline's
            steady state (the answer is the same).
        scenario: faults, slow hosts, traffic of others and other jobs, or the path of a scenario file; fluid and
            packet.
        routing: how flows find their way, instead of what the cluster file says; fluid and packet.
        watch: also tell how links were used (``Result.links``), which takes another run; fluid only.
        progress: told (operations done, of how many) every so often.
        transport: how hosts and switches treat packets, or the name of such (`weft.engines.packet.presets`); packet
            only.
        sampling: what to record of queues and links over time (``Result.packets.samples``); packet only.

    Raises:
        ConfigError: a file or a combination of them is wrong.
        InfeasibleError: the fabric cannot be built, or a part of the network is cut off.
    """
    started = time.perf_counter()
    cluster_spec = cluster if isinstance(cluster, Cluster) else load_cluster(cluster)
    job_spec = job if isinstance(job, Job) else load_job(job)
    if scenario is not None and not isinstance(scenario, Scenario):
        scenario = load_scenario(scenario)
    fabric = build_fabric(cluster_spec)
    if transport is not None and engine != "packet":
        raise ConfigError(f"the {engine} engine has no packets; use engine='packet'", field="transport")
    with located(scenario or Scenario()), located(job_spec):
        run = run_step(
            fabric,
            job_spec,
            engine=engine,
            fold=fold,
            scenario=scenario,
            routing=routing,
            watch=watch,
            progress=progress,
            transport=_transport(transport),
            sampling=sampling,
        )
    return Result(fabric, run, time.perf_counter() - started, scenario or Scenario(), routing, transport)


def _transport(given: Transport | str | None) -> Transport | None:
    if not isinstance(given, str):
        return given
    from weft.engines.packet.inputs import transport_of

    return transport_of(given)
