"""Links die, slow down and come back, and switches learn of it: the kernels and the reference say the same of it."""

from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import HealthCheck, given, seed, settings
from packet_cases import TIMES, Case, changing_cases, differences

from weft.engines.packet.transport import Queues

LONG = settings(deadline=None, database=None, suppress_health_check=list(HealthCheck))


@pytest.mark.parametrize("queues", get_args(Queues))
def test_links_that_change(queues: str) -> None:
    @seed(get_args(Queues).index(queues))
    @settings(LONG, max_examples=20 * TIMES)
    @given(changing_cases(queues=queues))
    def check(case: Case) -> None:
        assert differences(case) == {}

    check()
