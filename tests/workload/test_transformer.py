"""Parameters and FLOPs against published models and the formulae of their papers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weft.catalog import load_catalog
from weft.errors import ConfigError, UnknownName
from weft.workload.layer import Shard
from weft.workload.presets import model_of
from weft.workload.spec import Model
from weft.workload.transformer import Transformer

GPT = {"learned_positions": True, "bias": True, "dropout": True, "vocab": 51200}


def preset(name: str) -> Transformer:
    return Transformer(model_of(name, load_catalog()))


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        # What the released checkpoints hold (the sums of their tensors' sizes).
        ("llama2-7b", 6_738_415_616),
        ("llama2-13b", 13_015_864_320),
        ("llama2-70b", 68_976_648_192),
        ("llama3-8b", 8_030_261_248),
        ("llama3-70b", 70_553_706_496),
        ("llama3-405b", 405_853_388_800),
    ],
)
def test_llamas_have_the_parameters_of_their_checkpoints(name: str, parameters: int) -> None:
    assert preset(name).parameters() == parameters


def test_mpt_7b_has_the_parameters_of_its_checkpoint() -> None:
    # The released MPT-7B has ALiBi instead of learned positions, no biases, and a padded vocabulary.
    released = Model(layers=32, hidden=4096, heads=32, vocab=50432)
    assert Transformer(released).parameters() == 6_649_286_656


@pytest.mark.parametrize(
    ("name", "nominal"),
    [
        ("mpt-125m", 0.125e9),
        ("mpt-350m", 0.355e9),
        ("mpt-760m", 0.76e9),
        ("mpt-1b", 1.3e9),
        ("mpt-3b", 2.65e9),
        ("mpt-7b", 6.7e9),
        ("mpt-13b", 12.9e9),
        ("mpt-30b", 30e9),
        ("mpt-70b", 65e9),
        ("bloom-176b", 176.2e9),
        ("nemotron4-340b", 340e9),
        ("mt-nlg-530b", 530e9),
    ],
)
def test_other_presets_have_about_the_size_they_are_named_for(name: str, nominal: float) -> None:
    assert preset(name).parameters(2048) == pytest.approx(nominal, rel=0.03)


# Narayanan et al. SC'21 (arXiv 2104.04473), table 1: billions of parameters, heads, hidden size, layers.
SC21 = [
    (1.7, 24, 2304, 24),
    (3.6, 32, 3072, 30),
    (7.5, 32, 4096, 36),
    (18.4, 48, 6144, 40),
    (39.1, 64, 8192, 48),
    (76.1, 80, 10240, 60),
    (145.6, 96, 12288, 80),
    (310.1, 128, 16384, 96),
    (529.6, 128, 20480, 105),
    (1008.0, 160, 25600, 128),
]


@pytest.mark.parametrize(("billions", "heads", "h", "layers"), [*SC21, (174.6, 96, 12288, 96)])
def test_gpt_sizes_of_the_megatron_paper(billions: float, heads: int, h: int, layers: int) -> None:
    """P = 12 L h² (1 + 13/12h + (V + s)/12Lh) (eq. 2); the final norm's 2h are not in it."""
    V, s = 51200, 2048
    found = Transformer(Model(layers=layers, hidden=h, heads=heads, **GPT)).parameters(s)
    assert found - 2 * h == pytest.approx(12 * layers * h**2 * (1 + 13 / (12 * h) + (V + s) / (12 * layers * h)))
    assert found / 1e9 == pytest.approx(billions, abs=0.051)


@pytest.mark.parametrize(("billions", "heads", "h", "layers"), SC21)
def test_gpt_flops_of_the_megatron_paper(billions: float, heads: int, h: int, layers: int) -> None:
    """72 L h² (1 + s/6h + V/12Lh) a token; a recomputed forward makes it 96 L h² (1 + s/6h + V/16Lh) (eq. 3)."""
    V, s = 51200, 2048
    found = Transformer(Model(layers=layers, hidden=h, heads=heads, **GPT)).flops_per_token(s)
    assert found == pytest.approx(72 * layers * h**2 * (1 + s / (6 * h) + V / (12 * layers * h)))
    forward_again = 24 * layers * h**2 * (1 + s / (6 * h))
    with_recomputation = 96 * layers * h**2 * (1 + s / (6 * h) + V / (16 * layers * h))
    assert found + forward_again == pytest.approx(with_recomputation)


@pytest.mark.parametrize(
    ("tokens", "gpus", "tflops", "days", "model"),
    [
        (300e9, 1024, 140, 34, Model(layers=96, hidden=12288, heads=96, **GPT)),
        (450e9, 3072, 163, 84, Model(layers=128, hidden=25600, heads=160, **GPT)),
    ],
)
def test_training_days_of_the_megatron_paper(
    tokens: float, gpus: int, tflops: float, days: float, model: Model
) -> None:
    """Section 5.1's examples, by its rule of thumb 8 T P/(n X) and by counting every product."""
    shape = Transformer(model)
    by_rule = 8 * tokens * shape.parameters(2048) / (gpus * tflops * 1e12) / 86400
    assert by_rule == pytest.approx(days, abs=0.5)
    hardware_flops = shape.flops_per_token(2048) * 4 / 3
    assert tokens * hardware_flops / (gpus * tflops * 1e12) / 86400 == pytest.approx(days, rel=0.04)


@given(
    s=st.integers(1, 300),
    window=st.one_of(st.none(), st.integers(1, 400)),
    heads=st.sampled_from([1, 2, 8]),
    layers=st.integers(1, 5),
)
def test_attended_keys_by_counting_masks(s: int, window: int | None, heads: int, layers: int) -> None:
    shape = Transformer(Model(layers=layers, hidden=64 * heads, heads=heads, vocab=1000, sliding_window=window))
    reach = window or s
    kept = sum(1 for query in range(s) for key in range(s) if key <= query and query - key < reach)
    assert shape.attended_causal(s) == pytest.approx(kept / s)
    # Two products of 2 FLOPs for each kept (query, key) pair and unit of width, three times for forward and backward.
    attention = layers * 12 * shape.q_width * kept / s
    matrices = 6 * (layers * shape.layer_matrix_parameters + shape.hidden * shape.vocab)
    assert shape.flops_per_token(s, causal=True) == pytest.approx(matrices + attention)
    assert shape.flops_per_token(s, causal=True) <= shape.flops_per_token(s)


def test_causal_counting_halves_attention_in_long_sequences() -> None:
    shape, s = preset("llama3-70b"), 131072
    without = shape.flops_per_token(s) - 12 * shape.layers * shape.q_width * s
    attention, causal = shape.flops_per_token(s) - without, shape.flops_per_token(s, causal=True) - without
    assert causal / attention == pytest.approx((s + 1) / (2 * s))


def test_flops_of_a_llama_count_six_per_matrix_parameter() -> None:
    shape, s = preset("llama3-405b"), 8192
    matrices = shape.parameters() - 128256 * 16384 - (2 * 126 + 1) * 16384  # less the input table and the norms
    assert shape.flops_per_token(s) == pytest.approx(6 * matrices + 12 * 126 * 16384 * s)


def test_matrices_of_grouped_heads_and_gates() -> None:
    shard = Shard(preset("llama3-70b"), sequence=8192, micro_batch=1, tp=8, cp=1, sequence_parallel=True)
    # 64 query and 8 key and 8 value heads of 128 over 8 ranks: 8 + 1 + 1 heads; up and gate of 28672 / 8 together.
    assert shard.matrices() == [(8192, 1280), (1024, 8192), (8192, 7168), (3584, 8192)]


def test_key_value_heads_are_copied_where_tensor_parallelism_is_wider() -> None:
    shard = Shard(preset("llama3-70b"), sequence=8192, micro_batch=1, tp=16, cp=1, sequence_parallel=True)
    assert shard.matrices()[0] == (8192, 4 * 128 + 2 * 128)


@pytest.mark.parametrize("tp", [1, 2, 4, 8])
@pytest.mark.parametrize("name", ["llama3-8b", "gpt3-175b", "mpt-7b"])
def test_shards_add_up_to_the_layer(name: str, tp: int) -> None:
    shape = preset(name)
    shard = Shard(shape, sequence=2048, micro_batch=1, tp=tp, cp=1, sequence_parallel=False)
    assert tp * sum(k * n for k, n in shard.matrices()) == shape.layer_matrix_parameters


@pytest.mark.parametrize(
    "shape",
    [
        {"hidden": 1000, "heads": 16},
        {"hidden": 1024, "heads": 16, "kv_heads": 3},
        {"hidden": 1024, "heads": 4, "kv_heads": 8},
    ],
)
def test_shapes_that_do_not_divide_are_refused(shape: dict[str, int]) -> None:
    with pytest.raises(ConfigError, match="heads"):
        Transformer(Model(layers=1, vocab=100, **shape))


def test_a_head_width_of_its_own_makes_any_hidden_size_good() -> None:
    shape = Transformer(Model(layers=1, hidden=1000, heads=16, head_dim=64, vocab=100))
    assert shape.layer_matrix_parameters == 1000 * (4 * 16 * 64 + 2 * 4000)


def test_an_unknown_preset_suggests_the_nearest() -> None:
    with pytest.raises(UnknownName, match="did you mean 'llama3-70b'"):
        preset("llama3_70b")
