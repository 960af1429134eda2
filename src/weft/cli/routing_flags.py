"""The flags of every command that runs an engine: which one, and how flows are routed over what the file says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from weft.engines.packet.transport import Transport
    from weft.fabric import Cluster
    from weft.fabric.routing_options import Routing

EngineFlag = Annotated[
    str,
    typer.Option(
        help="how transfers are timed; analytic: closed form; fluid: they share real paths; packet: packet by packet"
    ),
]
RoutingFlag = Annotated[
    str | None,
    typer.Option(help="adaptive, spray, ecmp, flowlet ...; default: the cluster file's; fluid and packet"),
]
QueuePairsFlag = Annotated[int | None, typer.Option(help="queue pairs of a connection, each hashed by itself")]
SeedFlag = Annotated[int | None, typer.Option(help="of the hash functions; with packet of all random choices")]
TransportFlag = Annotated[
    str | None,
    typer.Option(help="nscc (default), rccc, roce_dcqcn, infiniband ... as weft packet has them; packet only"),
]

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


def transport_from(engine: str, name: str | None) -> Transport | None:
    """Return the transport that a flag names; None where it is not given.

    Raises:
        ConfigError: the engine has no packets.
        UnknownName: no such transport.
    """
    if name is None:
        return None
    from weft.engines.packet.inputs import transport_of
    from weft.errors import ConfigError, UnknownName

    if engine != "packet":
        raise ConfigError(f"the {engine} engine has no packets; add --engine packet", field="--transport")
    try:
        return transport_of(name)
    except UnknownName as error:
        error.field = "--transport"
        raise


def check_packet_routing(cluster: Cluster, policy: str | None) -> None:
    """Refuse a routing policy that packets cannot follow, by the flag or the file that asks for it.

    Raises:
        ConfigError: with what can be used instead.
    """
    from weft.engines.packet.of_fabric import check_policy
    from weft.errors import ConfigError
    from weft.files import located

    change = {} if policy is None else {"policy": policy.replace("-", "_")}
    asked = cluster.routing.model_copy(update=change)
    try:
        with located(cluster):
            check_policy(asked)
    except ConfigError as error:
        if policy is not None:
            error.file, error.line, error.field = None, None, "--routing"
        raise
