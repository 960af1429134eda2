"""The job file: which model is trained, how it is spread over ranks, and by which software."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from weft.files import Count, Strict


class Model(Strict):
    """A dense decoder-only transformer (names follow the field: hidden size h, layers L, heads a, vocabulary V)."""

    name: str = "model"
    layers: int = Field(gt=0, le=10_000)
    hidden: int = Field(gt=0, le=1_000_000)
    heads: int = Field(gt=0, le=10_000)
    kv_heads: int | None = Field(None, gt=0, description="grouped-query attention; default: heads")
    head_dim: int | None = Field(None, gt=0, description="default: hidden / heads")
    ffn: int | None = Field(None, gt=0, description="feed-forward width; default: 4 x hidden")
    vocab: int = Field(gt=0, le=100_000_000)
    gated: bool = Field(False, description="SwiGLU: three feed-forward matrices instead of two")
    tied_embeddings: bool = True
    learned_positions: bool = Field(False, description="a learned position table (GPT-3); its length is the sequence")
    sliding_window: int | None = Field(
        None, gt=0, description="attention window in tokens; default: the whole sequence"
    )
    parallel_block: bool = Field(False, description="attention and feed-forward side by side (PaLM, MegaScale)")
    dropout: bool = Field(False, description="dropout masks are made and stored (GPT-3 era models)")
    bias: bool = Field(False, description="linear layers have biases")


class Parallelism(Strict):
    """How ranks are laid out; order is TP fastest, then CP, DP, PP (Megatron's default)."""

    tp: int = Field(1, gt=0, description="tensor parallel degree")
    cp: int = Field(1, gt=0, description="context parallel degree")
    pp: int = Field(1, gt=0, description="pipeline parallel degree")
    dp: int | None = Field(None, gt=0, description="data parallel degree; default: what is left")
    interleave: int = Field(1, gt=0, description="virtual pipeline stages per rank")
    sequence_parallel: bool | None = Field(None, description="Megatron sequence parallelism; default: on where tp > 1")
    zero: Literal[0, 1, 2, 3] = Field(1, description="ZeRO stage; 3 is FSDP full shard")
    shard_within: int | None = Field(
        None, gt=0, description="hybrid sharding: ranks per shard group; default: all of DP"
    )
    allow_tp_across_nodes: bool = False


class Overlap(Strict):
    """Which communication hides behind compute; None means what the software stack does by default."""

    tp: bool | None = None
    pp: bool | None = None
    dp: bool | None = None
    cp: bool | None = None


class Job(Strict):
    """A whole job file."""

    name: str = Field("job", max_length=200)
    description: str = ""
    model: str | Model = Field(description="a preset's name, such as llama3-405b, or the model's shape")
    accelerators: int | None = Field(None, gt=0, description="how many to use; default: all of the cluster")
    sequence: int = Field(gt=0, le=100_000_000, description="tokens per sequence")
    global_batch: Count = Field(gt=0, description="sequences per optimizer step")
    micro_batch: int = Field(1, gt=0, description="sequences per micro-batch")
    parallelism: Parallelism = Parallelism()
    precision: Literal["fp16", "bf16", "fp8", "fp32"] = "bf16"
    recompute: Literal["none", "selective", "full"] = "none"
    recompute_layers: int | None = Field(None, ge=0, description="full recompute of only so many layers a stage")
    flash_attention: bool | None = Field(None, description="fused attention; default: what the stack does")
    causal_flops: bool = Field(False, description="count only the causal half of attention FLOPs in MFU")
    optimizer: Literal["adam", "sgd"] = Field(
        "adam", description="sgd: with momentum, one moment instead of Adam's two"
    )
    overlap: Overlap = Overlap()
    stack: str = Field("megatron-core", description="software stack whose measured constants apply")
