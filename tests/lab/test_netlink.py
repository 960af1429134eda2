"""The socket: order of answers, errors in one line, attributes there and back."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weft.lab import Lab
from weft.lab.netlink import Message, NetlinkError
from weft.lab.netlink.attributes import attribute, nest, number, read, read_all, string, text, u8, u32, u64
from weft.lab.netlink.links import links, set_link, set_mtu
from weft.lab.netlink.nexthops import delete_nexthop, nexthops, set_group, set_nexthop
from weft.lab.netlink.routes import delete_route
from weft.lab.plan import prefix_of


@given(st.lists(st.tuples(st.integers(1, 0x3FFF), st.binary(max_size=50)), max_size=8))
def test_attributes_there_and_back(pairs: list[tuple[int, bytes]]) -> None:
    data = b"".join(attribute(kind, value) for kind, value in pairs)
    assert len(data) % 4 == 0
    assert list(read_all(data)) == pairs


def test_attributes_are_laid_out_as_the_kernel_has_them() -> None:
    assert u32(5, 7) == struct.pack("=HHI", 8, 5, 7)
    assert text(3, "lo") == struct.pack("=HH4s", 7, 3, b"lo\0\0")
    assert nest(1, u8(2, 3)) == struct.pack("=HHHHB3x", 12, 0x8001, 5, 2, 3)
    assert number(read(u64(9, 1 << 40))[9]) == 1 << 40
    assert string(read(text(3, "swp1"))[3]) == "swp1"


def test_a_batch_goes_on_past_an_error_and_says_which(leaf_spine: Lab) -> None:
    socket = leaf_spine.sockets["leaf0"]
    index = leaf_spine.index("leaf0", "swp1")
    answers = socket.attempt(
        [set_mtu(index, "swp1", 1400), set_link(99999, "swp99", up=True), set_mtu(index, "swp1", 1500)]
    )
    assert [answer is None for answer in answers] == [True, False, True]
    assert str(answers[1]) == "leaf0: the kernel refused to set swp99 up: No such device"
    assert next(link.mtu for link in links(socket) if link.index == index) == 1500
    with pytest.raises(NetlinkError, match="set swp99 up") as caught:
        socket.do([set_link(99999, "swp99", up=True)])
    assert caught.value.code == 19


def test_more_messages_than_one_batch_takes(leaf_spine: Lab) -> None:
    socket = leaf_spine.sockets["spine0"]
    index = leaf_spine.index("spine0", "swp1")
    messages: list[Message] = [set_mtu(index, "swp1", 1500 - number % 2) for number in range(1001)]
    messages[700] = set_link(99999, "swp99", up=True)
    answers = socket.attempt(messages)
    assert [place for place, answer in enumerate(answers) if answer is not None] == [700]
    assert len(answers) == 1001


def test_the_kernels_own_words_are_passed_on(leaf_spine: Lab) -> None:
    with pytest.raises(NetlinkError, match=r"leaf0: the kernel refused to try: .* \(.*[Nn]exthop.*\)"):
        leaf_spine.sockets["leaf0"].do([set_group(77, [(4242, 1)], "try")])


def test_next_hops_there_and_back(leaf_spine: Lab) -> None:
    from ipaddress import IPv4Address

    socket = leaf_spine.sockets["leaf1"]
    index = leaf_spine.index("leaf1", "swp3")
    gateway = IPv4Address(leaf_spine.plan.node("spine0").loopback)
    socket.do([set_nexthop(901, index, "swp3", gateway), set_group(902, [(901, 256), (1, 1)], "try")])
    found = {hop.id: hop for hop in nexthops(socket)}
    assert (found[901].interface, found[901].gateway, found[901].group) == (index, gateway, ())
    assert set(found[902].group) == {(901, 256), (1, 1)}
    socket.do([delete_nexthop(902), delete_nexthop(901), delete_nexthop(901)])
    assert {901, 902}.isdisjoint(hop.id for hop in nexthops(socket))


def test_deleting_what_is_not_there_is_no_error(leaf_spine: Lab) -> None:
    socket = leaf_spine.sockets["leaf0"]
    socket.do([delete_route(prefix_of(leaf_spine.plan, "leaf0").supernet(1))])
