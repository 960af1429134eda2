"""A collective inside a pass of some layers, and how much of it a stack hides beside compute."""

from __future__ import annotations

from dataclasses import dataclass, replace

from weft.workload.program import Category, Communication


@dataclass(frozen=True)
class Traffic:
    """A collective inside a block: one layer's bytes, repeated once a layer or more.

    ``beside_gradients`` marks what does not depend on the product next to it (an input gradient's collective and the
    weight gradient), which most stacks overlap even where they overlap nothing else. ``hidden_frac`` is the share of
    what could be hidden that the stack does hide. ``also`` goes on at the same time, on other links.
    """

    category: Category
    communication: Communication
    beside_gradients: bool = False
    hidden_frac: float = 1.0
    also: Communication | None = None

    def split(self, overlaps: frozenset[str]) -> tuple[Communication | None, Communication | None]:
        """(what runs beside compute, what stands alone) under a stack's overlaps.

        Overlap with the product that makes or uses the bytes works on pieces, one a rank. Tensor-parallel ranks pass
        them on in a ring: a gather starts with the product of the rank's own piece, a scatter ends with that of the
        piece it keeps, and so all transfers have a product beside them (Transformer Engine's userbuffers; MegaScale,
        section 3.2). Of an all-reduce, and of context parallelism, the first piece stands alone, and so does what the
        stack fails to hide of the others. Experts' traffic hides beside other work.
        """
        whole, name = self.communication, self.category.name.lower()
        if name in overlaps:
            ringed = self.category == Category.TP and whole.kind != "all_reduce"
            first = 0.0 if self.category == Category.EP or ringed else 1 / len(whole.ranks)
            hidden = replace(whole, size_bytes=whole.size_bytes * (1 - first) * self.hidden_frac)
            return hidden, replace(whole, size_bytes=whole.size_bytes - hidden.size_bytes)
        if self.beside_gradients and f"{name}-gradients" in overlaps:
            return whole, None
        return None, whole

    def split_also(self, overlaps: frozenset[str]) -> tuple[Communication | None, Communication | None]:
        """The same of what goes on at the same time."""
        if self.also is None:
            return None, None
        return replace(self, communication=self.also, also=None).split(overlaps)
