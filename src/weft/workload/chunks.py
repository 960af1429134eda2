"""Which layers each pipeline stage holds: contiguous chunks, one a virtual stage."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Chunk:
    """A contiguous run of layers on one rank: a virtual pipeline stage, or a part of one.

    Attributes:
        layers: how many.
        embeds, heads: whether it begins with the embedding, ends with the output projection.
        recomputed: how many, from the first, run their whole forward pass again in the backward pass.
        sparse: which have experts; empty where the model has none.
        predicts: the same of the multi-token prediction layers after the last.
    """

    layers: int
    embeds: bool = False
    heads: bool = False
    recomputed: int = 0
    sparse: tuple[bool, ...] = ()
    predicts: tuple[bool, ...] = ()

    def of_kind(self, sparse: bool) -> int:
        """How many layers have experts, or have none; multi-token prediction's among them."""
        with_experts = sum(self.sparse) + sum(self.predicts)
        return with_experts if sparse else self.layers + len(self.predicts) - with_experts

    def recomputed_of_kind(self, sparse: bool) -> int:
        """How many of those run their forward pass again."""
        with_experts = sum(self.sparse[: self.recomputed])
        return with_experts if sparse else self.recomputed - with_experts

    def part(self, begin: int, end: int) -> Chunk:
        """Its layers from ``begin`` up to ``end``, with the embedding or the head if they are at that end."""
        recomputed = min(max(self.recomputed - begin, 0), end - begin)
        heads = self.heads and end == self.layers
        predicts = self.predicts if heads else ()
        return Chunk(end - begin, self.embeds and begin == 0, heads, recomputed, self.sparse[begin:end], predicts)


def split_layers(
    layers: int, stages: int, interleave: int, *, sparse: tuple[bool, ...] = (), predicts: tuple[bool, ...] = ()
) -> tuple[tuple[Chunk, ...], ...]:
    """Share layers over virtual stages: equally, or with embedding and head as a layer each, or as near as can be.

    Args:
        sparse: which layers have experts; empty where the model has none.
        predicts: the same of multi-token prediction layers, which stay with the head.

    Returns:
        ``chunks[stage][v]``, what a stage holds as its v-th virtual stage.
    """
    slots = stages * interleave
    counts = [layers // slots] * slots
    if layers % slots or predicts:
        whole = layers + 2 + len(predicts)
        if slots > 1 and whole % slots == 0 and whole // slots > len(predicts):
            counts = [whole // slots] * slots
            counts[0] -= 1
            counts[-1] -= 1 + len(predicts)
        else:
            for extra in range(layers % slots):
                counts[slots // 2 + (extra + 1) // 2 * (-1) ** extra] += 1

    def chunk(slot: int) -> Chunk:
        last, first = slot == slots - 1, sum(counts[:slot])
        return Chunk(counts[slot], slot == 0, last, 0, sparse[first : first + counts[slot]], predicts if last else ())

    return tuple(tuple(chunk(slot) for slot in range(stage, slots, stages)) for stage in range(stages))


def uneven(chunks: tuple[tuple[Chunk, ...], ...]) -> str:
    """What to warn of where layers do not divide; nothing where a missing layer makes room for embedding or head."""
    held = [chunk.layers + chunk.embeds + chunk.heads + len(chunk.predicts) for stage in chunks for chunk in stage]
    layers = [chunk.layers for stage in chunks for chunk in stage]
    if len(set(layers)) == 1 or len(set(held)) == 1:
        return ""
    return f"{sum(layers)} layers do not divide into {len(layers)} pipeline stages; the fullest holds {max(layers)}"


def recomputing(chunks: tuple[tuple[Chunk, ...], ...], most: int | None) -> tuple[tuple[Chunk, ...], ...]:
    """The same chunks, of which each stage recomputes ``most`` layers, the first of its first chunks (None: all)."""
    found = []
    for stage in chunks:
        left, ours = sum(chunk.layers for chunk in stage) if most is None else most, []
        for chunk in stage:
            ours.append(replace(chunk, recomputed=min(left, chunk.layers)))
            left -= ours[-1].recomputed
        found.append(tuple(ours))
    return tuple(found)


def mirrored(chunks: tuple[tuple[Chunk, ...], ...]) -> tuple[tuple[Chunk, ...], ...]:
    """What ranks hold of a pipeline that is entered from both ends: the d-th its stage, and the d-th from the end."""
    return tuple((*ours, *theirs) for ours, theirs in zip(chunks, reversed(chunks), strict=True))
