"""Groups partition the ranks, neighbours differ in one coordinate, degrees multiply."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import pytest
from handmade_jobs import job, planned
from hypothesis import given
from hypothesis import strategies as st

from weft.errors import ConfigError
from weft.workload.chunks import Chunk, recomputing, split_layers, uneven
from weft.workload.mapping import Mapping, resolve
from weft.workload.spec import Model

degree = st.integers(1, 6)
mappings = st.builds(Mapping, tp=degree, cp=degree, dp=degree, pp=degree)


def coordinates(mapping: Mapping, rank: int) -> dict[str, int]:
    """Megatron's default order, decoded digit by digit: tensor, context, data, pipeline."""
    found = {}
    for name in ("tp", "cp", "dp", "pp"):
        rank, found[name] = divmod(rank, getattr(mapping, name))
    return found


def varying(mapping: Mapping, group: Sequence[int]) -> set[str]:
    """Coordinates in which a group's members differ."""
    seen = [coordinates(mapping, rank) for rank in group]
    return {name for name in seen[0] if len({each[name] for each in seen}) > 1}


@given(mappings)
def test_groups_hold_the_ranks_that_differ_in_their_coordinates_only(mapping: Mapping) -> None:
    assert mapping.ranks == mapping.tp * mapping.cp * mapping.dp * mapping.pp
    for stage in range(mapping.pp):
        for group, size, over in (
            (mapping.tensor_group(stage), mapping.tp, {"tp"}),
            (mapping.context_group(stage), mapping.cp, {"cp"}),
            (mapping.data_group(stage), mapping.dp * mapping.cp, {"dp", "cp"}),
        ):
            assert len(group) == len(set(group)) == size
            assert varying(mapping, group) <= over
            assert {coordinates(mapping, rank)["pp"] for rank in group} == {stage}


@given(mappings)
def test_shifted_copies_of_a_group_partition_the_ranks(mapping: Mapping) -> None:
    """Any rank's group is the first one moved: tensor groups, and data groups of all stages, cover each rank once."""
    ranks = set(range(mapping.ranks))
    tensor = [start + member for start in range(0, mapping.ranks, mapping.tp) for member in mapping.tensor_group()]
    data = [shift + m for stage in range(mapping.pp) for shift in range(mapping.tp) for m in mapping.data_group(stage)]
    for cover in (tensor, data):
        assert len(cover) == mapping.ranks
        assert set(cover) == ranks


@given(mapping=mappings, data=st.data())
def test_hybrid_shards_and_their_replicas_partition_the_data_group(mapping: Mapping, data: st.DataObject) -> None:
    replicas = mapping.dp * mapping.cp
    size = data.draw(st.sampled_from([n for n in range(1, replicas + 1) if replicas % n == 0]))
    stage = data.draw(st.integers(0, mapping.pp - 1))
    shards, copies = mapping.shard_group(size, stage), mapping.replica_group(size, stage)
    assert (len(shards), len(copies)) == (size, replicas // size)
    moved = {shard + copy - shards[0] for shard in shards for copy in copies}
    assert moved == set(mapping.data_group(stage))


@given(mappings)
def test_pipeline_neighbours_differ_in_their_stage_only(mapping: Mapping) -> None:
    if mapping.pp == 1:
        return
    for stage in range(mapping.pp):
        pair = mapping.stage_pair(stage, (stage + 1) % mapping.pp)
        assert varying(mapping, pair) == {"pp"}
        assert [coordinates(mapping, rank)["pp"] for rank in pair] == [stage, (stage + 1) % mapping.pp]


@pytest.mark.parametrize(
    ("asked", "accelerators", "dp"),
    [
        ({}, 32, 32),
        ({"tp": 8}, 32, 4),
        ({"tp": 8, "pp": 2, "cp": 2}, 32, 1),
        ({"tp": 2, "dp": 4}, 32, 4),  # eight of 32 in use
        ({"tp": 2, "accelerators": 16}, 32, 8),
        ({"tp": 2, "dp": 8, "accelerators": 16}, 32, 8),
    ],
)
def test_data_parallelism_is_what_is_left(asked: dict[str, int], accelerators: int, dp: int) -> None:
    mapping = resolve(job(**asked), accelerators)
    assert mapping.dp == dp
    assert mapping.ranks <= accelerators


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"tp": 3}, "not divisible by tp x cp x pp"),
        ({"tp": 8, "pp": 8}, "not divisible by tp x cp x pp"),
        ({"accelerators": 64}, "asks for 64 accelerators, the cluster has 32"),
        ({"tp": 8, "dp": 8}, "the cluster has 32"),
        ({"dp": 8, "accelerators": 16}, "leave dp out or make them equal"),
    ],
)
def test_degrees_that_do_not_multiply_are_refused(asked: dict[str, int], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        resolve(job(**asked), 32)


SHAPE = Model(layers=8, hidden=1024, heads=16, kv_heads=4, ffn=4104, vocab=1000)


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"tp": 32, "allow_tp_across_nodes": True}, "heads 16 are not divisible by tp 32"),
        ({"tp": 16, "allow_tp_across_nodes": True}, "ffn width 4104 is not divisible by tp 16"),
        ({"tp": 16, "model": "llama3-70b"}, "wider than the scale-up domain of 8"),
        ({"cp": 16, "sequence": 1000}, "sequence 1000 is not divisible by cp 16"),
        ({"pp": 4, "interleave": 4, "dp": 1}, "8 layers cannot fill pp x interleave = 4 x 4 stages"),
        ({"shard_within": 6}, "32 replicas do not divide into shard groups of 6"),
        ({"tp": 4, "model": Model(layers=8, hidden=1536, heads=12, kv_heads=6, vocab=1000)}, "kv_heads 6"),
        ({"batch": 33}, "global_batch 33 is not divisible by dp x micro_batch = 32 x 1"),
        ({"batch": 32.5}, "not a whole number"),
        ({"precision": "fp32"}, "fp32"),
    ],
)
def test_jobs_that_cannot_be_laid_out_are_refused(asked: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        planned(**{"model": SHAPE, "batch": 64, **asked})


@given(layers=st.integers(1, 60), pp=st.integers(1, 8), v=st.integers(1, 4))
def test_layers_are_shared_out_whole(layers: int, pp: int, v: int) -> None:
    if layers + 2 < pp * v:
        return
    chunks = split_layers(layers, pp, v)
    in_order = [chunks[stage][turn] for turn in range(v) for stage in range(pp)]
    counts = [chunk.layers for chunk in in_order]
    assert sum(counts) == layers
    assert min(counts) >= 0
    assert max(counts) - min(counts) <= 1
    assert [chunk.embeds for chunk in in_order] == [True] + [False] * (pp * v - 1)
    assert [chunk.heads for chunk in in_order] == [False] * (pp * v - 1) + [True]
    # Even, or one layer fewer where the embedding and the head are: no reason to warn.
    even = len(set(counts)) == 1 or counts == [counts[1] - 1, *[counts[1]] * (pp * v - 2), counts[1] - 1]
    assert bool(uneven(chunks)) is not even


def test_llama_405b_has_only_the_embedding_and_only_the_head_in_its_outer_chunks() -> None:
    """As "The Llama 3 Herd of Models" describes its pipeline of 16 stages with 8 chunks each (section 3.3.2)."""
    plan = planned(
        nodes=16, model="llama3-405b", sequence=8192, batch=16, tp=8, pp=16, interleave=8, dp=1, stack="llama3"
    )
    assert plan.chunks[0][0].layers == 0
    assert plan.chunks[0][0].embeds
    assert plan.chunks[15][7].layers == 0
    assert plan.chunks[15][7].heads
    assert sum(chunk.layers for stage in plan.chunks for chunk in stage) == 126
    assert plan.warnings == ()


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize(("pp", "interleave"), [(1, 1), (1, 2), (2, 1), (4, 2)])
def test_stages_hold_each_parameter_once(tied: bool, pp: int, interleave: int) -> None:
    """All stages together hold the model less its final norm; a tied table is held at both ends of a pipeline."""
    shape = Model(layers=16, hidden=1024, heads=16, vocab=32000, tied_embeddings=tied)
    plan = planned(model=shape, pp=pp, interleave=interleave, tp=2)
    held = 2 * sum(plan.stage_parameters(stage) for stage in range(pp))
    copy = 32000 * 1024 if tied and pp > 1 else 0
    assert held == plan.transformer.parameters() - 1024 + copy


@given(layers=st.integers(1, 60), pp=st.integers(1, 4), v=st.integers(1, 3), most=st.integers(0, 30))
def test_each_stage_recomputes_so_many_of_its_layers(layers: int, pp: int, v: int, most: int) -> None:
    if layers + 2 < pp * v:
        return
    for stage in recomputing(split_layers(layers, pp, v), most):
        held = sum(chunk.layers for chunk in stage)
        assert sum(chunk.recomputed for chunk in stage) == min(most, held)
    for stage in recomputing(split_layers(layers, pp, v), None):
        assert all(chunk.recomputed == chunk.layers for chunk in stage)


@given(layers=st.integers(1, 40), recomputed=st.integers(0, 40), cuts=st.lists(st.integers(0, 40), max_size=5))
def test_parts_of_a_chunk_add_up(layers: int, recomputed: int, cuts: list[int]) -> None:
    whole = Chunk(layers, embeds=True, heads=True, recomputed=min(recomputed, layers))
    at = sorted({0, layers, *(cut for cut in cuts if cut < layers)})
    parts = [whole.part(a, b) for a, b in pairwise(at)]
    assert sum(part.layers for part in parts) == layers
    assert sum(part.recomputed for part in parts) == whole.recomputed
    assert [part.embeds for part in parts] == [True] + [False] * (len(parts) - 1)
    assert [part.heads for part in parts] == [False] * (len(parts) - 1) + [True]


@pytest.mark.parametrize("degrees", [(2, 2, 4, 2), (4, 1, 2, 3), (1, 1, 8, 1)])
def test_a_family_has_every_rank_of_its_stages_once(degrees: tuple[int, int, int, int]) -> None:
    mapping = Mapping(*degrees)
    for stage in range(mapping.pp):
        own = list(range(stage * mapping.columns, (stage + 1) * mapping.columns))
        for group in (mapping.tensor_group(stage), mapping.context_group(stage), mapping.data_group(stage)):
            family = mapping.family(group)
            assert family[0].tolist() == list(group)
            assert sorted(family.ravel().tolist()) == own
        pair = mapping.stage_pair(stage, (stage + 1) % mapping.pp)
        if mapping.pp > 1:
            family = mapping.family(pair)
            assert family[0].tolist() == list(pair) and sorted(family[:, 0].tolist()) == own
            assert (family[:, 1] % mapping.columns == family[:, 0] % mapping.columns).all()


def test_the_families_of_a_hybrid_shard_are_its_groups() -> None:
    mapping = Mapping(tp=2, cp=1, dp=4, pp=1)
    assert mapping.family(mapping.shard_group(2)).tolist() == [[0, 2], [1, 3], [4, 6], [5, 7]]
    assert mapping.family(mapping.replica_group(2)).tolist() == [[0, 4], [1, 5], [2, 6], [3, 7]]
