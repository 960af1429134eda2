"""The table of throughputs in docs/routing.md is what the policies give."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np


def test_the_table_of_a_dragonfly_is_so(root: Path, direct: Callable[..., Any]) -> None:
    page = (root / "docs/routing.md").read_text()
    net = direct("dragonfly", p=3, a=6, h=3, g=19, hosts=3)
    hosts = np.arange(len(net) * 3)
    shuffled = np.random.default_rng(1).permutation(hosts)
    patterns = {
        "every group sends to the next": (net.by_hosts(lambda host: host + 18), 1),
        "a random permutation": ((hosts // 3, shuffled // 3), 1),
        # a flow between two routers stands for those of 3 x 3 hosts, each a part in 342 of what a host sends
        "all to all": (np.divmod(np.arange(len(net) ** 2), len(net)), 342 / 9),
    }
    for pattern, ((src, dst), flows) in patterns.items():
        found = [f"{flows * net.throughput(policy, src, dst):.2f}" for policy in ("minimal", "valiant", "ugal")]
        assert f"| {pattern} | {' | '.join(found)} |" in page, found
    assert len(re.findall(r"^\| every group", page, re.MULTILINE)) == 1
