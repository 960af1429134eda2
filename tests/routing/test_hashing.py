"""The hash: alike in NumPy and in kernels, even, and with every bit of a key in every bit of the hash."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from weft.routing import hash_kernels
from weft.routing.hashing import Hashing, mix


@settings(derandomize=True, deadline=None)  # the first call compiles
@given(st.integers(0, 2**64 - 1))
def test_numpy_and_the_kernel_agree(key: int) -> None:
    one = np.array([key], np.uint64)
    assert int(mix(one)[0]) == int(hash_kernels.mix(one[0]))


def test_the_mixer_is_splitmix64() -> None:
    # the first outputs of the published generator, seeded with 0 (its state advances by the golden ratio)
    step = 0x9E3779B97F4A7C15
    states = np.array([0, step, 2 * step % 2**64], np.uint64)
    assert [hex(value) for value in mix(states).tolist()] == [
        "0xe220a8397b1dcdaf",
        "0x6e789e6aa1b965f4",
        "0x6c45d188009454f",
    ]


def test_one_bit_of_the_key_flips_half_of_the_hash() -> None:
    keys = mix(np.arange(4096))
    for bit in (0, 17, 63):
        flipped = mix(keys) ^ mix(keys ^ np.uint64(1 << bit))
        ones = sum(int(value).bit_count() for value in flipped) / len(keys)
        assert abs(ones - 32) < 0.3  # standard error 4 / 64


def test_hashes_are_even_over_any_number_of_next_hops() -> None:
    keys = Hashing(seed=5).keys(np.arange(60_000), np.zeros(60_000, int), np.zeros(60_000, int))
    for ways in (3, 8, 48):
        unit = np.array([hash_kernels.unit(key, np.uint64(9)) for key in keys[:20_000]])
        counts = np.bincount((unit * ways).astype(int), minlength=ways)
        chi2 = ((counts - counts.mean()) ** 2 / counts.mean()).sum()
        assert chi2 < ways - 1 + 4 * np.sqrt(2 * (ways - 1))


def test_salts_differ_by_switch_and_seed_unless_polarised() -> None:
    assert len(set(Hashing(1).salts(1000).tolist()) | set(Hashing(2).salts(1000).tolist())) == 2000
    assert len(set(Hashing(1, polarised=True).salts(1000).tolist())) == 1


def test_queue_pairs_have_keys_of_their_own_and_the_first_keeps_the_flows() -> None:
    hashing = Hashing()
    key = hashing.keys(np.array([3]), np.array([4]), np.array([0])).repeat(100)
    keys = hashing.queue_pair(key, np.arange(100))
    assert keys[0] == key[0]
    assert len(set(keys.tolist())) == 100
    assert hashing.keys(np.array([4]), np.array([3]), np.array([0]))[0] != key[0]
