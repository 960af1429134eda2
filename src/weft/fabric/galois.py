"""Finite fields GF(pⁿ), small enough for whole tables: what Slim Fly's graphs are made of.

An element is a number 0 to q - 1, whose digits to base p are a polynomial's coefficients, lowest first. Polynomials are
added digit by digit and multiplied modulo a polynomial of degree n found by trial such that the powers of x (of a
primitive root, for n = 1) are all elements but 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from weft.fabric.tables import IntArray


@dataclass(frozen=True)
class Field:
    """A finite field.

    Attributes:
        q: how many elements.
        powers: int32[q - 1], of a primitive element: 1, ξ, ξ², ...
        add: int32[q, q], sums.
        multiply: int32[q, q], products.
    """

    q: int
    powers: npt.NDArray[np.int32]
    add: npt.NDArray[np.int32]
    multiply: npt.NDArray[np.int32]


def prime_power(q: int) -> tuple[int, int] | None:
    """Return ``(p, n)`` where q = pⁿ and p is prime; None where there are none."""
    if q < 2:
        return None
    p = next((d for d in range(2, int(q**0.5) + 1) if q % d == 0), q)
    n, rest = 0, q
    while rest % p == 0:
        rest //= p
        n += 1
    return (p, n) if rest == 1 else None


def field(q: int) -> Field:
    """Return GF(q); ``q`` is a prime power, as `prime_power` says."""
    found = prime_power(q)
    if found is None:
        raise ValueError(f"{q} is not a power of a prime")
    p, n = found
    digits = np.arange(q)[:, None] // p ** np.arange(n) % p
    add = ((digits[:, None] + digits[None, :]) % p) @ p ** np.arange(n)
    powers = _powers(p, n)
    log = np.zeros(q, np.int64)
    log[powers] = np.arange(q - 1)
    multiply = powers[(log[:, None] + log[None, :]) % (q - 1)]
    multiply[0, :] = multiply[:, 0] = 0
    return Field(q, powers.astype(np.int32), add.astype(np.int32), multiply.astype(np.int32))


def _powers(p: int, n: int) -> IntArray:
    """Return the powers of a primitive element of GF(pⁿ), int64[pⁿ - 1]."""
    q = p**n
    for trial in range(1, q):  # a primitive root, or the lower coefficients of a polynomial whose x is primitive
        tail = [-(trial // p**i) % p for i in range(n)]
        element, seen = [1] + [0] * (n - 1), []
        for _ in range(q - 1):
            seen.append(sum(digit * p**i for i, digit in enumerate(element)))
            top = element[-1]
            if n == 1:
                element = [top * trial % p]
            else:  # times x, less top times the polynomial
                shifted = [0, *element[:-1]]
                element = [(low + top * digit) % p for low, digit in zip(shifted, tail, strict=True)]
            if seen and element[0] == 1 and not any(element[1:]):
                break
        if len(seen) == q - 1 and len(set(seen)) == q - 1:
            return np.array(seen, np.int64)
    raise ValueError(f"GF({q}) has no primitive element")  # never: every finite field has one
