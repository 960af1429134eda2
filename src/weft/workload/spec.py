"""The job file: which model is trained, how it is spread over ranks, and by which software."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from weft.files import Count, Strict


class Experts(Strict):
    """Mixture of experts: a token goes to ``top_k`` of the routed experts, and to all of the shared ones."""

    experts: int = Field(gt=0, le=1_000_000, description="routed experts of a layer")
    top_k: int = Field(gt=0, le=10_000, description="how many of them a token goes to")
    ffn: int = Field(gt=0, description="width of one routed expert")
    shared_ffn: int = Field(0, ge=0, description="width of all shared experts together")
    dense_first: int = Field(0, ge=0, description="so many first layers are dense, of width ffn of the model")
    every: int = Field(1, gt=0, description="of the layers after those, every n-th has experts, the others are dense")
    groups: int = Field(1, gt=0, description="node-limited routing: groups that the experts are in")
    top_groups: int | None = Field(None, gt=0, description="how many groups a token's experts may be in; default: all")


class LatentAttention(Strict):
    """Multi-head latent attention (DeepSeek-V2, arXiv 2405.04434): queries, keys and values from narrow vectors."""

    kv_lora: int = Field(gt=0, description="width of the latent vector of keys and values")
    q_lora: int | None = Field(None, gt=0, description="width of that of queries; default: queries straight from h")
    nope_dim: int = Field(128, gt=0, description="width of a query or key head without position")
    rope_dim: int = Field(64, gt=0, description="and with; keys of all heads share theirs")
    v_dim: int = Field(128, gt=0, description="width of a value head")


class Model(Strict):
    """A decoder-only transformer (names follow the field: hidden size h, layers L, heads a, vocabulary V)."""

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
    window_frac: float = Field(1.0, ge=0, le=1, description="share of the layers that attend through the window")
    attention_sinks: bool = Field(False, description="a learned weight beside each head's scores (gpt-oss)")
    qk_norm: bool = Field(False, description="queries and keys are normalised (Qwen3)")
    moe: Experts | None = Field(None, description="experts; default: all layers are dense")
    mla: LatentAttention | None = Field(None, description="latent attention; default: multi-head or grouped-query")
    mtp_layers: int = Field(
        0, ge=0, le=64, description="multi-token prediction: extra layers after the last, each with the head"
    )
    parallel_block: bool = Field(False, description="attention and feed-forward side by side (PaLM, MegaScale)")
    dropout: bool = Field(False, description="dropout masks are made and stored (GPT-3 era models)")
    bias: bool = Field(False, description="linear layers have biases")


class Parallelism(Strict):
    """How ranks are laid out; order is TP fastest, then CP, DP, PP (Megatron's default).

    Experts fold over the ranks of a pipeline stage in an order of their own: ETP fastest, then EP, then their replicas.
    """

    tp: int = Field(1, gt=0, description="tensor parallel degree")
    cp: int = Field(1, gt=0, description="context parallel degree")
    pp: int = Field(1, gt=0, description="pipeline parallel degree")
    ep: int = Field(1, gt=0, description="expert parallel degree: ranks of a stage that share the routed experts")
    etp: int = Field(1, gt=0, description="tensor parallel degree of routed experts")
    dp: int | None = Field(None, gt=0, description="data parallel degree; default: what is left")
    interleave: int = Field(1, gt=0, description="virtual pipeline stages per rank")
    schedule: Literal["1f1b", "gpipe", "zb_h1", "zb_h2", "dualpipe"] = Field(
        "1f1b", description="order of a pipeline's passes; 1f1b with interleave > 1 is the interleaved one"
    )
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
    ep: bool | None = None


class Dispatch(Strict):
    """How tokens get to their experts and back."""

    how: Literal["all_to_all", "deduplicated"] | None = Field(
        None,
        description="all_to_all: a copy for each expert; deduplicated: one to each node, and there one to each rank"
        " (DeepEP, HybridEP); default: what the stack does",
    )
    imbalance: float = Field(1.0, ge=1, description="tokens of the busiest expert-parallel rank over the mean")
    capacity_factor: float | None = Field(
        None, gt=0, description="an expert takes so many times the mean, drops what is over and pads what is under"
    )
    fp8: bool = Field(False, description="tokens go out in 8 bits; results come back in 16")


class Lora(Strict):
    """Low-rank adapters (LoRA) beside frozen matrices: only they are trained."""

    rank: int = Field(gt=0, le=65_536, description="inner width r of an adapter")
    targets: tuple[Literal["qkv", "attention_out", "ffn_in", "ffn_out"], ...] = Field(
        ("qkv", "attention_out", "ffn_in", "ffn_out"), min_length=1, description="which matrices of a layer have one"
    )


class Offload(Strict):
    """What a rank keeps in its host's memory, and computes there, to have room in its own."""

    optimizer: float = Field(
        1.0, ge=0, le=1, description="share of the parameters whose optimizer state is in host memory, updated there"
    )
    gradients: bool = Field(
        False, description="their gradients go there as each backward pass ends (ZeRO-Offload); needs zero: 2 or 3"
    )
    activations: float = Field(
        0.0, ge=0, le=1, description="share of the activations that waits there for the backward pass"
    )
    overlap: bool = Field(True, description="copies run beside compute and beside the host's optimizer")


class Outer(Strict):
    """Groups that train apart and average what they learned every so often (local SGD, DiLoCo)."""

    every: int = Field(gt=0, le=1_000_000, description="inner steps between two outer steps")
    groups: Literal["sites"] | Annotated[int, Field(ge=2, le=100_000)] = Field(
        "sites", description="how many groups, of equal size, one after another; sites: one at each site"
    )
    bits: Literal[4, 8, 16, 32] = Field(32, description="of a parameter's difference on the wire")
    fragments: int = Field(
        1, gt=0, le=10_000, description="parts of the model, exchanged one after another (Streaming DiLoCo)"
    )
    overlap: bool = Field(False, description="exchange beside the inner steps that follow")


class Jitter(Strict):
    """How much the compute of ranks varies; a step waits for the slowest."""

    cv: float = Field(0.0, ge=0, le=1, description="coefficient of variation over ranks: deviation over mean")
    per: Literal["step", "micro_batch"] = Field(
        "step", description="of a step's compute (clocks, hosts), or of every micro-batch's, each by itself"
    )
    slow_nodes: float = Field(
        0.0, ge=0, le=1, description="share of all nodes whose accelerators are slower than others"
    )
    slow_by: float = Field(0.1, ge=0, le=10, description="how much longer those compute; 0.1: a tenth")


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
    precision: Literal["fp16", "bf16", "fp8", "mxfp8", "fp4", "fp32"] = Field(
        "bf16", description="of matrix products in layers; mxfp8: in blocks of 32; fp4: NVFP4, in blocks of 16"
    )
    recompute: Literal["none", "selective", "full"] = "none"
    recompute_layers: int | None = Field(None, ge=0, description="full recompute of only so many layers a stage")
    flash_attention: bool | None = Field(None, description="fused attention; default: what the stack does")
    causal_flops: bool = Field(False, description="count only the causal half of attention FLOPs in MFU")
    optimizer: Literal["adam", "sgd"] = Field(
        "adam", description="sgd: with momentum, one moment instead of Adam's two"
    )
    lora: Lora | None = Field(None, description="train low-rank adapters only; default: all parameters")
    overlap: Overlap = Overlap()
    dispatch: Dispatch = Dispatch()
    offload: Offload | None = Field(None, description="what is in host memory; default: nothing")
    outer: Outer | None = Field(None, description="groups that synchronise only every so often; default: every step")
    jitter: Jitter | None = Field(None, description="variation of compute over ranks; default: none")
    stack: str = Field("megatron-core", description="software stack whose measured constants apply")
