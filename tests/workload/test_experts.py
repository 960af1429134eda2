"""Models with experts against their checkpoints and papers; where copies of a token go against enumeration."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weft.catalog import load_catalog
from weft.errors import ConfigError
from weft.workload.experts import distinct_places, expert_shard, sparse_layers
from weft.workload.presets import model_of
from weft.workload.spec import Dispatch, Experts, LatentAttention, Model
from weft.workload.transformer import Transformer


def preset(name: str) -> Transformer:
    return Transformer(model_of(name, load_catalog()))


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        # What the released checkpoints hold, less the bias of DeepSeek-V3's router (58 layers of 256).
        ("mixtral-8x7b", 46_702_792_704),
        ("mixtral-8x22b", 140_620_634_112),
        ("deepseek-v2-lite", 15_706_484_224),
        ("deepseek-v2", 235_741_434_880),
        ("deepseek-v3", 671_026_419_200 - 58 * 256),
        ("qwen3-30b-a3b", 30_532_122_624),
        ("qwen3-235b-a22b", 235_093_634_560),
    ],
)
def test_models_have_the_parameters_of_their_checkpoints(name: str, parameters: int) -> None:
    assert preset(name).parameters() == parameters


@pytest.mark.parametrize(
    ("name", "total", "active"),
    [
        # Billions, as the papers and model cards print them.
        ("mixtral-8x7b", 47, 13),
        ("mixtral-8x22b", 141, 39),
        ("deepseek-v2-lite", 15.7, 2.4),
        ("deepseek-v2", 236, 21),
        ("deepseek-v3", 671, 37),
        ("qwen3-235b-a22b", 235, 22),
        ("gpt-oss-20b", 20.91, 3.61),
        ("gpt-oss-120b", 116.83, 5.13),
        ("kimi-k2", 1026, 32),
    ],
)
def test_models_have_the_sizes_they_are_published_with(name: str, total: float, active: float) -> None:
    shape = preset(name)
    assert shape.parameters() / 1e9 == pytest.approx(total, rel=0.02)
    assert shape.active_parameters() / 1e9 == pytest.approx(active, rel=0.022)


@pytest.mark.parametrize(("name", "gflops"), [("deepseek-v2", 155), ("deepseek-v3", 250)])
def test_flops_to_train_on_a_token(name: str, gflops: float) -> None:
    """DeepSeek-AI, Insights into DeepSeek-V3 (ISCA 2025), table 2: at 4,096 tokens, causal."""
    assert preset(name).flops_per_token(4096, causal=True) / 1e9 == pytest.approx(gflops, rel=0.005)


def test_a_layer_of_one_expert_is_a_dense_layer_and_a_router() -> None:
    shape = {"layers": 4, "hidden": 64, "heads": 4, "vocab": 100, "gated": True}
    dense = Transformer(Model(**shape, ffn=96))
    one = Transformer(Model(**shape, moe=Experts(experts=1, top_k=1, ffn=96)))
    assert one.parameters() == dense.parameters() + 4 * 64
    assert one.active_parameters() - dense.active_parameters() == 4 * 64
    assert one.flops_per_token(128) == dense.flops_per_token(128) + 6 * 4 * 64


def test_latent_attention_by_hand() -> None:
    """h 8, two heads of 3 + 2, values of 4, latents of 6 and 5: 8·6 + 6·2·5, 8·(5+2) + 5·2·(3+4), 2·4·8."""
    mla = LatentAttention(q_lora=6, kv_lora=5, nope_dim=3, rope_dim=2, v_dim=4)
    shape = Transformer(Model(layers=1, hidden=8, heads=2, vocab=10, mla=mla))
    assert shape.attention_matrix_parameters == 48 + 60 + 56 + 70 + 64
    assert (shape.q_width, shape.o_width, shape.kv_width, shape.latent_width) == (10, 8, 9, 13)


@pytest.mark.parametrize(
    ("moe", "expected"),
    [
        ({}, "eeeeee"),
        ({"dense_first": 2}, "ddeeee"),
        ({"every": 2}, "dedede"),
        ({"dense_first": 1, "every": 2}, "ddeded"),
    ],
)
def test_which_layers_have_experts(moe: dict[str, int], expected: str) -> None:
    model = Model(layers=6, hidden=8, heads=1, vocab=9, moe=Experts(experts=4, top_k=1, ffn=8, **moe))
    assert "".join("de"[sparse] for sparse in sparse_layers(model)) == expected


def enumerated(experts: int, top_k: int, groups: int, limit: int, places: int) -> float:
    """Mean number of places over all choices of groups and of experts in them."""
    size, each = experts // groups, experts // places
    met, cases = 0, 0
    for chosen in combinations(range(groups), limit):
        pool = [group * size + i for group in chosen for i in range(size)]
        for picked in combinations(pool, top_k):
            met += len({expert // each for expert in picked})
            cases += 1
    return met / cases


@pytest.mark.parametrize(
    ("experts", "top_k", "groups", "limit", "places"),
    [
        (8, 2, 1, 1, 1),
        (8, 2, 1, 1, 4),
        (8, 3, 1, 1, 8),
        (12, 4, 1, 1, 3),
        (12, 3, 6, 2, 3),
        (12, 3, 4, 2, 4),
        (12, 2, 3, 2, 6),
        (12, 4, 3, 1, 12),
        (8, 2, 4, 3, 2),
    ],
)
def test_places_of_a_token_by_enumeration(experts: int, top_k: int, groups: int, limit: int, places: int) -> None:
    expected = enumerated(experts, top_k, groups, limit, places)
    assert distinct_places((experts, top_k, groups, limit), places) == pytest.approx(expected, rel=1e-12)


@given(
    size=st.integers(1, 8),
    groups=st.sampled_from([1, 2, 4, 8]),
    places=st.sampled_from([1, 2, 4, 8]),
    data=st.data(),
)
def test_places_are_bounded(size: int, groups: int, places: int, data: st.DataObject) -> None:
    experts = 8 * size
    limit = data.draw(st.integers(1, groups))
    top_k = data.draw(st.integers(1, experts // groups * limit))
    found = distinct_places((experts, top_k, groups, limit), places)
    assert 1 - 1e-9 <= found <= min(top_k, places) + 1e-9
    if groups % places == 0:
        assert found <= limit + 1e-9


def test_node_limited_routing_of_deepseek_v3() -> None:
    """Eight nodes with a group each: a token reaches at most four of them, 3.6 on average; freely routed, 5.3 of 8."""
    found = distinct_places((256, 8, 8, 4), 8)
    assert found == pytest.approx(3.63, abs=0.01)
    assert distinct_places((256, 8, 1, 1), 8) == pytest.approx(5.29, abs=0.01)


@given(
    tokens=st.integers(1, 5000),
    ep=st.sampled_from([1, 2, 4, 8]),
    etp=st.sampled_from([1, 2]),
    top_k=st.integers(1, 8),
)
def test_no_token_is_lost_or_made(tokens: int, ep: int, etp: int, top_k: int) -> None:
    """Of all copies that the ep x etp ranks send out, every expert rank gets its share, and each goes to etp ranks."""
    own = expert_shard(Experts(experts=8, top_k=top_k, ffn=64), Dispatch(), tokens=tokens, ep=ep, etp=etp)
    sent = ep * etp * own.copies
    assert sent == ep * etp * tokens * top_k
    assert own.rows * ep == pytest.approx(sent)
    assert own.local * ep == 8
    assert own.width * etp == 64


def test_imbalance_loads_the_busiest_and_capacity_caps_it() -> None:
    moe = Experts(experts=8, top_k=2, ffn=64)
    uneven = expert_shard(moe, Dispatch(imbalance=1.5), tokens=1000, ep=4, etp=1)
    assert (uneven.copies, uneven.rows) == (2000, 3000)
    capped = expert_shard(moe, Dispatch(imbalance=1.5, capacity_factor=1.25), tokens=1000, ep=4, etp=1)
    assert (capped.copies, capped.rows) == (2500, 2500)


@pytest.mark.parametrize(
    ("moe", "says"),
    [
        ({"experts": 10, "top_k": 2, "groups": 4}, "do not divide into 4 groups"),
        ({"experts": 8, "top_k": 2, "groups": 4, "top_groups": 5}, "more than the 4 groups"),
        ({"experts": 8, "top_k": 3, "groups": 8, "top_groups": 2}, "2 experts a token can go to"),
        ({"experts": 8, "top_k": 9}, "top_k 9 is more than the 8"),
    ],
)
def test_routing_that_cannot_be_is_refused(moe: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        Transformer(Model(layers=1, hidden=8, heads=1, vocab=9, moe=Experts(ffn=8, **moe)))


def test_latent_attention_has_no_grouped_heads() -> None:
    with pytest.raises(ConfigError, match="as many key and value heads"):
        Transformer(Model(layers=1, hidden=8, heads=4, kv_heads=2, vocab=9, mla=LatentAttention(kv_lora=4)))


def test_windows_in_half_of_the_layers_count_half() -> None:
    shape = {"layers": 2, "hidden": 64, "heads": 4, "vocab": 100}
    flops = [
        Transformer(Model(**shape, sliding_window=8, window_frac=frac)).flops_per_token(256, causal=True)
        for frac in (0.0, 0.5, 1.0)
    ]
    assert flops[1] == pytest.approx((flops[0] + flops[2]) / 2)
    assert flops[0] == Transformer(Model(**shape)).flops_per_token(256, causal=True)
