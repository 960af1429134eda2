"""A job resolved on a fabric."""

from __future__ import annotations

from weft.fabric import Fabric
from weft.fabric.sites import site_nodes
from weft.workload.spec import Job
from weft.workload.training import Plan, plan


def plan_on(fabric: Fabric, job: Job) -> Plan:
    """Resolve a job on a fabric; see `weft.workload.training.plan`."""
    return plan(
        job,
        accelerators=fabric.accelerators,
        accelerator=fabric.catalog.get("accelerators", fabric.accelerator),
        scale_up=fabric.plan.per_node,
        catalog=fabric.catalog,
        sites=_sites(fabric),
    )


def _sites(fabric: Fabric) -> list[int]:
    """Accelerators at each site; none where the cluster has no sites."""
    cluster = fabric.plan.cluster
    if not cluster.sites:
        return []
    return [nodes * (fabric.accelerators // cluster.nodes) for nodes in site_nodes(cluster)]
