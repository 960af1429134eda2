"""Talks to the kernel's network stack: links, addresses, routes, next-hop groups, queues, events.

A `Netlink` is one socket in one network namespace; the other modules build messages for it. Many messages go out in one
system call, and the kernel acknowledges them in order.
"""

from weft.lab.netlink.sockets import Message, Netlink, NetlinkError

__all__ = ["Message", "Netlink", "NetlinkError"]
