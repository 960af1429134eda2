"""A training software stack: which kernels it runs, what it overlaps, what it keeps in memory.

Each stack is a catalog part of kind `stacks`. Its constants describe software, not runs: they serve every model, size
and cluster that the stack is used on.
"""

from __future__ import annotations

from dataclasses import dataclass

from weft.catalog import Catalog, Part
from weft.errors import ConfigError
from weft.fabric.lookup import named_part
from weft.workload.attention import Attention, Fused, Unfused
from weft.workload.experts import ExpertShard
from weft.workload.roofline import lineage
from weft.workload.spec import Dispatch, Lora, Overlap
from weft.workload.transformer import Transformer


@dataclass(frozen=True)
class Stack:
    """A software stack's constants on one accelerator generation.

    Attributes:
        gemm_x: GEMM rate against the measured reference library on that generation.
        forward_passes, backward_passes: 16-bit tensors an element-wise pass reads or writes, at hidden width and at
            feed-forward width, per layer.
        dropout_passes: what dropout adds at hidden width.
        loss_bytes: bytes moved per logit by the loss, forward and backward together.
        element_kernels: element-wise kernels launched per layer and direction.
        gradient_bytes: bytes of an accumulated gradient.
        reduce_bytes: bytes of a gradient on the wire.
        optimizer_state_bytes: bytes of master weights and moments per parameter.
        optimizer_moved_bytes: bytes the optimizer step reads and writes per parameter.
        offloaded_state_bytes: of the optimizer's bytes per parameter, those that offloading moves to the host.
        offload_back_bytes: bytes per parameter that come back from the host, updated.
        host_optimizer_bytes: bytes per parameter that the host's optimizer reads and writes.
        host_optimizer_fraction: share of the host memory's bandwidth at which it does.
        tp_hidden_frac: share of overlappable tensor-parallel traffic that overlap hides.
        gather_rate_x: share of the library's rate that parameter gathers and gradient sums reach.
        exchange_pieces: parts of a chunk whose parameters are gathered and gradients summed one by one.
        experts_multiprocessors: multiprocessors that compute has not, because kernels which send tokens hold them.
        ep_hidden_frac: share of expert-parallel traffic that overlap hides.
        dispatch: how tokens get to their experts unless the job says; a value of `Dispatch.how`.
        all_to_all_passes, deduplicated_passes: times that the copies of a rank's tokens are read or written per layer
            and direction to sort them by expert and back, by how they are dispatched.
        router_passes: the same of the router's 32-bit logits.
        expert_kernels: kernels launched for that per layer and direction.
        expert_overhead_s: host time a layer with experts spends per direction, until the sizes of what it computes next
            are known to it.
        fp8_expert_host_s: host time to issue such a layer in FP8 per direction, which kernels may be done before.
        expert_bias_passes: times that results of routed experts are read or written to add their biases, forward and
            backward.
        overlaps: which of tp, pp, dp, cp, ep communication runs beside compute.
        selects_operators: selective recomputation is by operator, not of the attention core.
        recompute_stops_early: full recomputation leaves out the layer's last product.
        fuses_experts: an expert's products, activation and quantisation are one kernel.
        fsdp: parameters are gathered layer by layer in every micro-batch (PyTorch FSDP).
        handover_s: what passing activations on to another stage takes beside their transfer, where the host drives it.
        step_overhead_s: host time a step spends outside kernels (data loading, logging, synchronisation).
        layer_overhead_s: host time a layer spends per direction beyond its kernels.
    """

    id: str
    attention: Attention
    gemm_x: float
    forward_passes: tuple[float, float]
    backward_passes: tuple[float, float]
    dropout_passes: float
    loss_bytes: float
    element_kernels: float
    gradient_bytes: float
    reduce_bytes: float
    optimizer_state_bytes: float
    optimizer_moved_bytes: float
    offloaded_state_bytes: float
    offload_back_bytes: float
    host_optimizer_bytes: float
    host_optimizer_fraction: float
    tp_hidden_frac: float
    gather_rate_x: float
    exchange_pieces: int
    experts_multiprocessors: int
    ep_hidden_frac: float
    dispatch: str
    all_to_all_passes: float
    deduplicated_passes: float
    router_passes: float
    expert_kernels: float
    expert_overhead_s: float
    fp8_expert_host_s: float
    expert_bias_passes: tuple[float, float]
    overlaps: frozenset[str]
    fsdp: bool
    fuses_experts: bool
    recompute_stops_early: bool
    selects_operators: bool
    handover_s: float
    step_overhead_s: float
    layer_overhead_s: float
    library: str

    def overlaps_with(self, asked: Overlap) -> frozenset[str]:
        """What runs beside compute: as a job says, field by field, else as the stack does."""
        chosen = set(self.overlaps)
        for name in ("tp", "pp", "dp", "cp", "ep"):
            if (wanted := getattr(asked, name)) is not None:
                (chosen.add if wanted else chosen.discard)(name)
        return frozenset(chosen)

    def dispatches(self, asked: Dispatch) -> str:
        """How tokens get to experts: as a job says, else as the stack does; what is padded cannot be shared."""
        padded = asked.capacity_factor is not None
        return asked.how or ("all_to_all" if padded else self.dispatch)


def load_stack(catalog: Catalog, name: str, generation: str, *, flash: bool | None = None) -> Stack:
    """Read a stack's constants for an accelerator generation.

    Args:
        catalog: the catalog in use.
        name: part id, such as ``"megatron-core"``.
        generation: id of the accelerator's `kernels` part, such as ``"hopper"``.
        flash: force fused (True) or unfused (False) attention; None for the stack's own.

    Raises:
        UnknownName: no such stack.
    """
    parents, generations = _lineage(catalog, name), lineage(catalog, generation)

    def text(field: str) -> str:
        return next((found for part in parents if (found := part.text(field)) is not None), "")

    def number(fact: str) -> float:
        for part in parents:
            for field in (*(f"{each}_{fact}" for each in generations), fact):
                if part.has(field):
                    return part.si(field)
        raise ConfigError(f"the catalog has no {fact} for stacks {name}")

    kernel = text("attention")
    if flash is not None and flash is (kernel == "unfused"):
        kernel = "flash2" if flash else "unfused"
    return Stack(
        id=name,
        attention=_attention(catalog, catalog.get("attention", kernel), generation, text("context") != "unbalanced"),
        gemm_x=number("gemm_x"),
        forward_passes=(number("forward_hidden_count"), number("forward_ffn_count")),
        backward_passes=(number("backward_hidden_count"), number("backward_ffn_count")),
        dropout_passes=number("dropout_count"),
        loss_bytes=number("loss_bytes_per_logit"),
        element_kernels=number("element_kernels_count"),
        gradient_bytes=number("gradient_bytes_per_parameter"),
        reduce_bytes=number("reduce_bytes_per_parameter"),
        optimizer_state_bytes=number("optimizer_state_bytes_per_parameter"),
        optimizer_moved_bytes=number("optimizer_moved_bytes_per_parameter"),
        offloaded_state_bytes=number("offloaded_state_bytes_per_parameter"),
        offload_back_bytes=number("offload_back_bytes_per_parameter"),
        host_optimizer_bytes=number("host_optimizer_bytes_per_parameter"),
        host_optimizer_fraction=number("host_optimizer_frac"),
        tp_hidden_frac=number("tp_hidden_frac"),
        gather_rate_x=number("gather_rate_x"),
        exchange_pieces=round(number("exchange_pieces_count")),
        experts_multiprocessors=round(number("experts_multiprocessors_count")),
        ep_hidden_frac=number("ep_hidden_frac"),
        dispatch=text("dispatch"),
        all_to_all_passes=number("all_to_all_passes_count"),
        deduplicated_passes=number("deduplicated_passes_count"),
        router_passes=number("router_passes_count"),
        expert_kernels=number("expert_kernels_count"),
        expert_overhead_s=number("expert_overhead_us"),
        fp8_expert_host_s=number("fp8_expert_host_us"),
        expert_bias_passes=(number("forward_expert_bias_count"), number("backward_expert_bias_count")),
        overlaps=frozenset(text("overlaps").split()),
        fsdp=text("sharding") == "fsdp",
        fuses_experts=text("experts") == "fused",
        recompute_stops_early=text("checkpointing") == "non-reentrant",
        selects_operators=text("selective") == "operators",
        handover_s=number("handover_us"),
        step_overhead_s=number("step_overhead_ms"),
        layer_overhead_s=number("layer_overhead_us"),
        library=text("library") or "nccl",
    )


def _lineage(catalog: Catalog, name: str) -> list[Part]:
    """A stack and those it extends, nearest first; a field is looked up in that order."""
    lineage = [named_part(catalog, "stacks", name, "stack")]
    while (parent := lineage[-1].text("extends")) is not None and len(lineage) < 10:
        lineage.append(catalog.get("stacks", parent))
    return lineage


def attention_generation(catalog: Catalog, part: Part, generation: str) -> str:
    """The generation whose efficiencies of an attention kernel hold for this one; Ampere's where none was measured."""
    return next((each for each in lineage(catalog, generation) if part.has(f"{each}_hd128_frac")), "ampere")


def _attention(catalog: Catalog, part: Part, generation: str, balances_context: bool) -> Attention:
    if part.id == "unfused":
        return Unfused(part.si("score_passes_count"), part.si("dropout_passes_count"))
    own = attention_generation(catalog, part, generation)
    return Fused(
        fracs=(part.si(f"{own}_hd64_frac"), part.si(f"{own}_hd128_frac")),
        saturation=part.si(f"{own}_saturation_count"),
        skips_masked=part.text("skips_masked") != "no",
        balances_context=balances_context,
    )


def activation_bytes_per_layer(
    model: Transformer,
    stack: Stack,
    *,
    sequence: int,
    micro_batch: int,
    tp: int,
    cp: int,
    sequence_parallel: bool,
    mode: str,
    experts: ExpertShard | None = None,
    operand_bytes: float = 2.0,
    lora: Lora | None = None,
) -> float:
    """Bytes one layer keeps from forward to backward for one micro-batch on one rank.

    Korthikanti et al. (arXiv 2205.05198, eqs. 1-4 and table 2): s b h (34 + 5 a s/h), split by tensor and sequence
    parallelism; generalised to grouped heads, gates and any feed-forward width. Fused attention and selective
    recomputation drop the score term; full recomputation keeps the layer's input. Routed experts keep the copies that
    reach them, at their width; shared ones are as a dense layer of theirs. Where there is latent attention, selective
    recomputation drops what norms, the products up from the latents, and the experts' activation give, as DeepSeek-V3
    did (arXiv 2412.19437, section 3.2.3).

    Args:
        mode: ``"none"``, ``"selective"`` or ``"full"``.
        experts: the rank's share of the routed experts of a layer that has them; None for a dense layer.
        operand_bytes: of a number that goes into a product of routed experts.
        lora: adapters beside frozen matrices, whose inputs nobody needs again unless an adapter does.
    """
    tokens = micro_batch * sequence / cp
    outside = tp if sequence_parallel else 1
    if mode == "full":
        return 2.0 * tokens * model.hidden / outside
    mask = 1.0 if model.spec.dropout else 0.0
    # Outside tensor-parallel regions: two norm inputs, inputs of QKV and of the first feed-forward product, two dropout
    # masks.
    narrow = mode == "selective" and model.spec.mla is not None
    adapted = set(lora.targets) if lora is not None else {"qkv", "ffn_in", "ffn_out"}
    inputs = 0.0 if narrow else 2.0 * len(adapted & {"qkv", "ffn_in"})
    replicated = tokens * model.hidden * (4.0 + inputs + 2.0 * mask)
    # Inside: Q, K, V, the attention output, and the feed-forward activations before and after the non-linearity.
    attention = tokens * 2.0 * (model.o_width + (0.0 if narrow else model.q_width + 2.0 * model.kv_width))
    latents = tokens * 2.0 * model.latent_width
    before = 4.0 if model.spec.gated else 2.0
    width, routed = model.ffn, 0.0
    if experts is not None:
        width, after = experts.moe.shared_ffn, 0.0 if narrow else operand_bytes
        routed = experts.rows * (operand_bytes * model.hidden + (before + after) * experts.width)
    feed_forward = tokens * width * (before + (2.0 if "ffn_out" in adapted else 0.0))
    scores = 0.0
    if stack.attention.stores_scores and mode == "none":
        scores = tokens * model.spec.heads * sequence * (2.0 + 3.0 * mask)
    return (replicated + latents) / outside + (attention + feed_forward + scores) / tp + routed
