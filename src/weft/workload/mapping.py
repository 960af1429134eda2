"""Which ranks belong together: tensor, context, data and pipeline groups over the accelerators.

Rank order is Megatron's default, tensor fastest, then context, data, pipeline slowest:
rank = ((p·DP + d)·CP + c)·TP + t. Groups that synchronise only every so often are slower still: each has whole
pipelines, on ranks that follow one another. Experts fold over the ranks of a stage in an order of their own (Liu et
al., MoE Parallel Folding, arXiv 2504.14960): rank = ((p·EDP + r)·EP + e)·ETP + x with EDP EP ETP = DP CP TP. Every
group is an arithmetic progression of its stage's ranks, which is what `Mapping.family` needs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from weft.errors import ConfigError
from weft.workload.spec import Job, Parallelism


@dataclass(frozen=True)
class Mapping:
    """Degrees of every parallelism, resolved, and the groups of rank 0's neighbours.

    ``outer`` groups train apart; all else is about the first of them, so ``dp`` is the degree inside one.
    """

    tp: int
    cp: int
    dp: int
    pp: int
    ep: int = 1
    etp: int = 1
    outer: int = 1

    @property
    def ranks(self) -> int:
        """Accelerators in use."""
        return self.columns * self.pp * self.outer

    @property
    def inner_ranks(self) -> int:
        """Accelerators of one outer group."""
        return self.columns * self.pp

    def outer_group(self, stage: int = 0) -> range:
        """The first ranks of a stage in every outer group."""
        start = self._start(stage)
        return range(start, start + self.ranks, self.inner_ranks)

    def tensor_group(self, stage: int = 0) -> range:
        """The first tensor group of a pipeline stage."""
        start = self._start(stage)
        return range(start, start + self.tp)

    def context_group(self, stage: int = 0) -> range:
        """The first context group of a stage: ranks tp apart."""
        start = self._start(stage)
        return range(start, start + self.tp * self.cp, self.tp)

    def data_group(self, stage: int = 0) -> range:
        """The first gradient group of a stage: data and context parallel ranks together share weights."""
        start = self._start(stage)
        return range(start, start + self.tp * self.cp * self.dp, self.tp)

    def shard_group(self, size: int, stage: int = 0) -> range:
        """The first ``size`` ranks of the gradient group: a shard group of hybrid sharding."""
        return self.data_group(stage)[:size]

    def replica_group(self, size: int, stage: int = 0) -> range:
        """The ranks that hold the same shard in the other shard groups of hybrid sharding."""
        return self.data_group(stage)[::size]

    def stage_pair(self, sender: int, receiver: int) -> tuple[int, int]:
        """(first rank of a stage, its partner in another stage)."""
        return self._start(sender), self._start(receiver)

    @property
    def expert_replicas(self) -> int:
        """Ranks of a stage that hold the same routed experts (expert data parallelism)."""
        return self.columns // (self.ep * self.etp)

    def expert_group(self, stage: int = 0) -> range:
        """The first ranks of a stage that share a layer's routed experts: ranks etp apart."""
        start = self._start(stage)
        return range(start, start + self.ep * self.etp, self.etp)

    def expert_tensor_group(self, stage: int = 0) -> range:
        """The first ranks of a stage that share one expert."""
        start = self._start(stage)
        return range(start, start + self.etp)

    def expert_data_group(self, stage: int = 0) -> range:
        """The first ranks of a stage that hold the same routed experts."""
        start = self._start(stage)
        return range(start, start + self.columns, self.ep * self.etp)

    def expert_rail(self, per_node: int, stage: int = 0) -> range:
        """Of the ranks that share a layer's experts, the first of each node; one rank where they are in one node.

        Nodes that hold no whole part of the group count as none: then tokens go to ranks, not by way of nodes.
        """
        start, block = self._start(stage), self.ep * self.etp
        if block <= per_node or block % per_node or per_node % self.etp or self.columns % per_node:
            return range(start, start + 1)
        return range(start, start + block, per_node)

    @property
    def columns(self) -> int:
        """Ranks of one pipeline stage: a column is the same tensor, context and data position in every stage."""
        return self.tp * self.cp * self.dp

    def family(self, ranks: Sequence[int]) -> NDArray[np.int64]:
        """All groups that do what the first one of a stage does at the same time, int64[groups, members].

        Those of every outer group, since all take their steps at the same time.

        Every column is in one group: of a progression of n ranks d apart, the groups are its shifts by 0 to d - 1 in
        every run of n d ranks; of a pipeline's pair or of ranks in all outer groups, its shifts by every column.

        Args:
            ranks: a range that starts a stage, a pair of the first ranks of two stages, or an `outer_group`.
        """
        members = np.asarray(ranks, np.int64)
        if self.spans_groups(ranks):
            return np.asarray(members + np.arange(self.columns)[:, None])
        inside = self._inside(ranks, members)
        starts = self.inner_ranks * np.arange(self.outer)
        return np.asarray((inside + starts[:, None, None]).reshape(-1, len(members)))

    def _inside(self, ranks: Sequence[int], members: NDArray[np.int64]) -> NDArray[np.int64]:
        """Those of the first outer group."""
        if self.spans_stages(ranks):
            return np.asarray(members + np.arange(self.columns)[:, None])
        step = int(members[1] - members[0]) if len(members) > 1 else 1
        run = len(members) * step
        firsts = np.arange(self.columns).reshape(-1, run)[:, :step].ravel()
        return np.asarray(firsts[:, None] + members)

    def spans_stages(self, ranks: Sequence[int]) -> bool:
        """Whether these ranks are a pipeline's pair: of two stages."""
        return not self.spans_groups(ranks) and ranks[0] // self.columns != ranks[-1] // self.columns

    def spans_groups(self, ranks: Sequence[int]) -> bool:
        """Whether these ranks are in several outer groups."""
        return ranks[0] // self.inner_ranks != ranks[-1] // self.inner_ranks

    def column_of(self, ranks: NDArray[np.int64]) -> NDArray[np.int64]:
        """The columns of ranks, counted over all outer groups."""
        return ranks // self.inner_ranks * self.columns + ranks % self.columns

    def _start(self, stage: int) -> int:
        return stage * self.columns


def resolve(job: Job, accelerators: int) -> Mapping:
    """Work out the degrees of a job on so many accelerators.

    Raises:
        ConfigError: the degrees do not divide or multiply to the accelerators in use.
    """
    asked: Parallelism = job.parallelism
    used = job.accelerators or accelerators
    if used > accelerators:
        raise ConfigError(f"the job asks for {used} accelerators, the cluster has {accelerators}", field="accelerators")
    model_ranks = asked.tp * asked.cp * asked.pp
    if asked.dp is None:
        if used % model_ranks:
            raise ConfigError(
                f"{used} accelerators are not divisible by tp x cp x pp"
                f" = {asked.tp} x {asked.cp} x {asked.pp} = {model_ranks}",
                field="parallelism",
            )
        dp = used // model_ranks
    else:
        dp = asked.dp
        if job.accelerators is not None and dp * model_ranks != used:
            raise ConfigError(
                f"tp x cp x pp x dp = {model_ranks * dp}, but accelerators is {used}; leave dp out or make them equal",
                field="parallelism.dp",
            )
        if dp * model_ranks > accelerators:
            raise ConfigError(
                f"tp x cp x pp x dp = {model_ranks * dp}, but the cluster has {accelerators} accelerators",
                field="parallelism.dp",
            )
    stage = asked.tp * asked.cp * dp
    if stage % (asked.ep * asked.etp):
        raise ConfigError(
            f"ep x etp = {asked.ep} x {asked.etp} does not divide the tp x cp x dp = {stage} ranks of a pipeline stage",
            field="parallelism.ep",
        )
    return Mapping(asked.tp, asked.cp, dp, asked.pp, asked.ep, asked.etp)
