"""The flags of every command that runs an engine: which one, and how flows are routed over what the file says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from weft.fabric import Cluster
    from weft.fabric.routing_options import Routing

EngineFlag = Annotated[
    str, typer.Option(help="how transfers are timed; analytic: closed form; fluid: they share real paths")
]
RoutingFlag = Annotated[
    str | None, typer.Option(help="adaptive, spray, ecmp, flowlet ...; default: the cluster file's; fluid only")
]
QueuePairsFlag = Annotated[int | None, typer.Option(help="queue pairs of a connection, each hashed by itself")]
SeedFlag = Annotated[int | None, typer.Option(help="of the hash functions")]

_FLAGS = {"policy": "--routing", "queue_pairs": "--queue-pairs", "seed": "--seed"}


def routing_from(cluster: Cluster, policy: str | None, queue_pairs: int | None, seed: int | None) -> Routing | None:
    """Return the cluster file's routing with the flags' values in place; None where no flag is given.

    Raises:
        UnknownName: no such policy.
        ConfigError: a value is out of range; names the flag.
    """
    given = {"policy": policy, "queue_pairs": queue_pairs, "seed": seed}
    changed: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    if not changed:
        return None
    from typing import get_args

    from pydantic import ValidationError

    from weft.errors import UnknownName
    from weft.fabric.routing_options import PolicyName, Routing
    from weft.files.models import explain

    if policy is not None:
        changed["policy"] = policy.replace("-", "_")
        if changed["policy"] not in get_args(PolicyName):
            raise UnknownName("routing policy", policy, get_args(PolicyName), field="--routing")
    values = cluster.routing.model_dump() | changed
    try:
        return Routing.model_validate(values)
    except ValidationError as error:
        wrong = explain(error, Routing, None, values)
        wrong.field = _FLAGS.get(wrong.field or "", wrong.field)
        raise wrong from None
