"""What a user writes about routing: which paths flows take, and how load is balanced over them."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from weft.files import Strict

PolicyName = Literal["adaptive", "spray", "ecmp", "flowlet", "minimal", "dimension_order", "valiant", "ugal", "static"]


class Routing(Strict):
    """Who goes which way, and how load is balanced."""

    policy: PolicyName = Field(
        "adaptive",
        description="adaptive, spray, ecmp, flowlet or static; in direct networks also minimal, dimension_order, "
        "valiant and ugal",
    )
    queue_pairs: int = Field(
        1, ge=1, le=4096, description="queue pairs of a connection, each hashed by itself; messages are split evenly"
    )
    flowlets: int = Field(
        16,
        ge=1,
        le=4096,
        description="with flowlet, valiant and ugal: how many parts, each on a path of its own, make a transfer",
    )
    weighted: bool = Field(
        True,
        description="after failures, next hops get shares by the capacity beyond them (WCMP); false: equal shares",
    )
    pxn: Literal["auto", "always", "never"] = Field(
        "auto",
        description="change rails inside the source's scale-up domain: where that saves tiers or is the only way, "
        "always, or never",
    )
    polarised: bool = Field(
        False, description="every switch hashes alike, so that a tier repeats the choices of the one below"
    )
    seed: int = Field(0, ge=0, le=2**63 - 1, description="of the hash functions")
    paths: str | None = Field(
        None, description="with static: a CSV file of src,dst,via (switches), relative to the cluster file"
    )
