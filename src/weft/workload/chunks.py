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
    """

    layers: int
    embeds: bool = False
    heads: bool = False
    recomputed: int = 0

    def part(self, begin: int, end: int) -> Chunk:
        """Its layers from ``begin`` up to ``end``, with the embedding or the head if they are at that end."""
        recomputed = min(max(self.recomputed - begin, 0), end - begin)
        return Chunk(end - begin, self.embeds and begin == 0, self.heads and end == self.layers, recomputed)


def split_layers(layers: int, stages: int, interleave: int) -> tuple[tuple[Chunk, ...], ...]:
    """Share layers over virtual stages: equally, or with embedding and head as a layer each, or as near as can be.

    Returns:
        ``chunks[stage][v]``, what a stage holds as its v-th virtual stage.
    """
    slots = stages * interleave
    counts = [layers // slots] * slots
    if layers % slots:
        if slots > 1 and (layers + 2) % slots == 0:
            counts = [(layers + 2) // slots] * slots
            counts[0] -= 1
            counts[-1] -= 1
        else:
            for extra in range(layers % slots):
                counts[slots // 2 + (extra + 1) // 2 * (-1) ** extra] += 1
    return tuple(
        tuple(Chunk(counts[slot], slot == 0, slot == slots - 1) for slot in range(stage, slots, stages))
        for stage in range(stages)
    )


def uneven(chunks: tuple[tuple[Chunk, ...], ...]) -> str:
    """What to warn of where layers do not divide; nothing where a missing layer makes room for embedding or head."""
    held = [chunk.layers + chunk.embeds + chunk.heads for stage in chunks for chunk in stage]
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
