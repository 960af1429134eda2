"""Pipeline schedules: every pass once and in a legal order, the bubble and the activations of the papers."""

from __future__ import annotations

import pytest
from bare_pipeline import program_of, span_s
from fixed_engine import FixedEngine
from hypothesis import assume, given
from hypothesis import strategies as st

from weft.engines.executor import execute
from weft.engines.expand import repeated
from weft.errors import ConfigError
from weft.workload.passes import Pass, Work
from weft.workload.pipeline import in_flight, order

shapes = st.tuples(st.integers(1, 8), st.integers(1, 24), st.integers(1, 4))
pipelines = st.tuples(st.sampled_from(["gpipe", "zb_h1", "zb_h2", "dualpipe"]), st.integers(2, 10), st.integers(1, 32))


def legal(shape: tuple[int, int, int]) -> tuple[int, int, int]:
    p, m, v = shape
    assume(v == 1 or m % p == 0)
    return p, m, v


def possible(pipeline: tuple[str, int, int]) -> tuple[str, int, int]:
    schedule, p, m = pipeline
    return (schedule, 2 * (p // 2), 4 * (p // 2) + 2 * (m // 2)) if schedule == "dualpipe" else pipeline


@given(shapes)
def test_each_pass_is_run_once_and_backward_after_forward(shape: tuple[int, int, int]) -> None:
    p, m, v = legal(shape)
    for stage in range(p):
        passes = order(stage, p, m, v)
        works = (Work.FORWARD, Work.BACKWARD)
        assert set(passes) == {Pass(i, c, work) for i in range(m) for c in range(v) for work in works}
        assert len(passes) == 2 * m * v
        for i, c in {(one.micro_batch, one.chunk) for one in passes}:
            assert passes.index(Pass(i, c, Work.BACKWARD)) > passes.index(Pass(i, c, Work.FORWARD))
        for c in range(v):  # micro-batches keep their order within a chunk
            for work in works:
                assert [x.micro_batch for x in passes if x.chunk == c and x.work == work] == list(range(m))


@given(pipelines)
def test_every_schedule_does_all_the_work_once(pipeline: tuple[str, int, int]) -> None:
    schedule, p, m = possible(pipeline)
    ways = 2 if schedule == "dualpipe" else 1
    for stage in range(p):
        passes = order(stage, p, m, 1, schedule)
        place = {(x.micro_batch, x.chunk, x.work): at for at, x in enumerate(passes)}
        assert len(place) == len(passes)
        for c in range(ways):
            for i in range(m // ways):
                back = [place.get((i, c, work), -1) for work in (Work.BACKWARD, Work.INPUTS, Work.WEIGHTS)]
                forward = place.pop((i, c, Work.FORWARD))
                if back[0] >= 0:
                    assert back[0] > forward and back[1:] == [-1, -1]
                else:
                    assert forward < back[1] < back[2]
        assert len(place) + m == len(passes)  # nothing else


@given(shapes)
def test_in_flight_by_counting(shape: tuple[int, int, int]) -> None:
    p, m, v = legal(shape)
    for stage in range(p):
        assert in_flight(stage, p, m, v) == pytest.approx(most_held(order(stage, p, m, v)) / v)


@given(pipelines)
def test_in_flight_of_other_schedules_by_counting(pipeline: tuple[str, int, int]) -> None:
    schedule, p, m = possible(pipeline)
    chunks = 2 if schedule == "dualpipe" else 1
    for stage in range(p):
        assert in_flight(stage, p, m, 1, schedule) == most_held(order(stage, p, m, 1, schedule)) / chunks


def most_held(passes: list[Pass]) -> int:
    """Activations held at once, until the last gradient that needs them."""
    held = most = 0
    for one in passes:
        held += {Work.FORWARD: 1, Work.INPUTS: 0}.get(one.work, -1)
        most = max(most, held)
    assert held == 0
    return most


@given(p=st.integers(1, 64), more=st.integers(1, 4), v=st.integers(2, 6))
def test_in_flight_of_the_first_stage_by_the_published_formulae(p: int, more: int, v: int) -> None:
    """p micro-batches without interleaving, p (1 + (p-1)/(p v)) with (Korthikanti et al., section 4.2.3)."""
    assert in_flight(0, p, more * p, 1) == p
    if more > 1:
        assert in_flight(0, p, more * p, v) == pytest.approx(p * (1 + (p - 1) / (p * v)))


@given(shape=shapes, forward_s=st.integers(1, 5), ratio=st.integers(1, 3))
def test_the_bubble_is_that_of_the_papers(shape: tuple[int, int, int], forward_s: int, ratio: int) -> None:
    """(p-1)/(m v) of the ideal time (Narayanan et al. SC'21, section 2.2) for any schedule with uniform passes."""
    p, m, v = legal(shape)
    assume(m >= p)
    ideal = m * v * (1 + ratio) * forward_s
    found = span_s(p, m, v, forward_s=forward_s, backward_s=ratio * forward_s)
    assert found == pytest.approx(ideal * (1 + (p - 1) / (m * v)))


seconds = st.integers(1, 8)


@given(p=st.integers(2, 12), m=st.integers(1, 30), f=seconds, b=seconds)
def test_gpipe_has_the_bubble_of_its_paper(p: int, m: int, f: int, b: int) -> None:
    """O((K-1)/(M+K-1)) of the time (Huang et al., section 2.3), for any number of micro-batches."""
    found = span_s(p, m, schedule="gpipe", forward_s=f, backward_s=b)
    assert 1 - m * (f + b) / found == pytest.approx((p - 1) / (m + p - 1), abs=1e-9)


@given(p=st.integers(2, 12), m=st.integers(0, 20), f=seconds, b=seconds, w=seconds)
def test_zero_bubble_has_the_bubble_of_its_paper(p: int, m: int, f: int, b: int, w: int) -> None:
    """(p-1)(T_F + T_B - T_W), table 2 of Qi et al., where weight gradients take no longer than the other passes."""
    assume(w <= min(f, b))
    m += p
    found = span_s(p, m, schedule="zb_h1", forward_s=f, backward_s=b + w, weights_s=w)
    assert found - m * (f + b + w) == pytest.approx((p - 1) * (f + b - w), abs=1e-9)


@given(p=st.integers(2, 8), m=st.integers(0, 10), f=seconds, b=seconds, w=seconds)
def test_zero_bubble_that_runs_on_has_the_bubble_of_its_paper(p: int, m: int, f: int, b: int, w: int) -> None:
    """(p-1)(T_F + T_B - 2 T_W) from step to step, table 2 of Qi et al.: none where the three take as long."""
    assume(w <= min(f, b))
    m += 2 * p - 1
    found = each_further_s(p, m, forward_s=f, backward_s=b + w, weights_s=w)
    assert found - m * (f + b + w) == pytest.approx((p - 1) * (f + b - 2 * w), abs=1e-9)


def each_further_s(p: int, m: int, **times: float) -> float:
    """Seconds that every step after the first adds, where stages run into the next one."""
    step = program_of(p, m, schedule="zb_h2", **times)
    one, two, three = (execute(repeated(step, n), FixedEngine(1.0)).span_s for n in (1, 2, 3))
    assert three - two == pytest.approx(two - one)
    return two - one


@given(half=st.integers(1, 6), more=st.integers(0, 10), f=seconds, w=seconds)
def test_dual_pipe_has_the_bubble_of_its_report(half: int, more: int, f: int, w: int) -> None:
    """(p/2 - 1)(F&B + B - 3W), where input gradients take as long as a forward pass and nothing is hidden."""
    assume(w <= f)
    p, m, b = 2 * half, 4 * half + 2 * more, f + w
    found = span_s(p, m, schedule="dualpipe", forward_s=f, backward_s=b, weights_s=w)
    assert found - m * (f + b) == pytest.approx((half - 1) * ((f + b) + b - 3 * w), abs=1e-9)


# Qi et al., arXiv 2401.10241: milliseconds of T_F, T_B, T_W and T_comm as profiled (table 9), and the bubble rates of
# 1F1B and ZB-H1 that they work out from those (table 5).
PUBLISHED = [
    ("1.5B", 8, 24, (18.522, 18.086, 9.337, 0.601), 0.2431, 0.1585),
    ("1.5B", 8, 32, (18.513, 18.086, 9.331, 0.626), 0.1985, 0.1242),
    ("1.5B", 8, 64, (18.546, 18.097, 9.321, 0.762), 0.1240, 0.0674),
    ("6.2B", 8, 24, (29.718, 29.444, 19.927, 0.527), 0.2347, 0.1323),
    ("6.2B", 8, 32, (29.802, 29.428, 19.530, 0.577), 0.1898, 0.1045),
    ("6.2B", 8, 64, (29.935, 29.621, 19.388, 0.535), 0.1091, 0.0554),
    ("14.6B", 16, 48, (11.347, 11.248, 8.132, 0.377), 0.2552, 0.1397),
    ("14.6B", 16, 64, (11.307, 11.254, 8.101, 0.379), 0.2082, 0.1088),
    ("14.6B", 16, 128, (11.325, 11.308, 8.109, 0.378), 0.1251, 0.0576),
    ("28.3B", 32, 96, (10.419, 10.207, 7.715, 0.408), 0.2646, 0.1421),
    ("28.3B", 32, 128, (10.408, 10.204, 7.703, 0.408), 0.2168, 0.1106),
    ("28.3B", 32, 256, (10.402, 10.248, 7.698, 0.460), 0.1352, 0.0594),
]


@pytest.mark.parametrize(("name", "p", "m", "profile", "plain", "zero"), PUBLISHED)
def test_bubbles_with_hand_overs_are_those_of_the_zero_bubble_paper(
    name: str, p: int, m: int, profile: tuple[float, ...], plain: float, zero: float
) -> None:
    f, b, w, handover = profile
    times = {"forward_s": f, "backward_s": b + w, "weights_s": w, "handover_s": handover}
    for schedule, rate in (("1f1b", plain), ("zb_h1", zero)):
        found = 1 - m * (f + b + w) / span_s(p, m, schedule=schedule, **times)
        assert found == pytest.approx(rate, abs=0.6e-4)


@pytest.mark.parametrize(
    ("row", "published"),
    [*zip(PUBLISHED, (0.1083, 0.0837, 0.0444, 0.0698, 0.0559, 0.0294, 0.0672, 0.0516), strict=False)],
)
def test_bubbles_of_zb_h2_with_hand_overs_are_those_of_the_paper(
    row: tuple[str, int, int, tuple[float, ...], float, float], published: float
) -> None:
    """The same table's rates of ZB-H2 (recalled), to four digits."""
    _, p, m, (f, b, w, handover), _, _ = row
    found = each_further_s(p, m, forward_s=f, backward_s=b + w, weights_s=w, handover_s=handover)
    assert 1 - m * (f + b + w) / found == pytest.approx(published, abs=0.6e-4)


@given(p=st.integers(2, 8), m=st.integers(1, 8))
def test_fewer_micro_batches_than_stages_only_lengthen_the_bubble(p: int, m: int) -> None:
    assert span_s(p, m, forward_s=1.0, backward_s=2.0) == pytest.approx(3.0 * (m + p - 1))


@pytest.mark.parametrize(("p", "m", "v"), [(4, 6, 2), (8, 12, 3), (3, 1, 2)])
def test_interleaving_needs_whole_rounds(p: int, m: int, v: int) -> None:
    with pytest.raises(ConfigError, match=f"micro-batches \\({m}\\) divisible by pp \\({p}\\)"):
        order(0, p, m, v)


@pytest.mark.parametrize(
    ("schedule", "p", "m", "v", "says"),
    [
        ("zb_h1", 4, 8, 2, "interleave goes with schedule: 1f1b only"),
        ("gpipe", 1, 8, 1, "needs a pipeline"),
        ("dualpipe", 3, 8, 1, "needs an even pp, read 3"),
        ("dualpipe", 4, 9, 1, "at least 2 pp = 8; these are 9"),
        ("dualpipe", 4, 6, 1, "at least 2 pp = 8; these are 6"),
    ],
)
def test_what_a_schedule_cannot_do_is_refused(schedule: str, p: int, m: int, v: int, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        order(0, p, m, v, schedule)


def written(passes: list[Pass]) -> str:
    return "".join(f"{'FBBW'[x.work]}{x.micro_batch}" for x in passes)


def test_1f1b_by_hand() -> None:
    """PipeDream-Flush on the first of three stages with four micro-batches (arXiv 2006.09503, figure 2)."""
    assert written(order(0, 3, 4)) == "F0F1F2B0F3B1B2B3"
    assert written(order(2, 3, 4)) == "F0B0F1B1F2B2F3B3"


def test_zero_bubble_by_hand() -> None:
    """ZB-H1 on the first and last of four stages (arXiv 2401.10241, figure 3, with fewer micro-batches)."""
    assert written(order(0, 4, 5, 1, "zb_h1")) == "F0F1F2F3B0W0F4B1W1B2W2B3W3B4W4"
    assert written(order(0, 2, 4, 1, "zb_h2")) == "F0F1F2B0W0F3B1W1B2W2B3W3"
    assert written(order(1, 2, 4, 1, "zb_h2")) == "F0B0F1B1F2B2W0F3B3W1W2W3"
    assert written(order(3, 4, 5, 1, "zb_h1")) == "F0B0F1B1F2B2F3B3W0F4B4W1W2W3W4"


def test_the_two_ends_of_a_dual_pipe_do_the_same() -> None:
    for stage in range(4):
        near, far = order(stage, 8, 20, 1, "dualpipe"), order(7 - stage, 8, 20, 1, "dualpipe")
        assert [x._replace(chunk=1 - x.chunk) for x in near] == far


def test_interleaved_by_hand() -> None:
    """Four stages of two chunks, eight micro-batches: the first device of SC'21's figure 4, counted from nought."""
    found = [(x.micro_batch, x.chunk) for x in order(0, 4, 8, 2) if x.work == Work.FORWARD]
    assert found == [(i, c) for group in (0, 4) for c in (0, 1) for i in range(group, group + 4)]
    warm_up = order(0, 4, 8, 2).index(Pass(0, 1, Work.BACKWARD))
    assert warm_up == 11  # 2 (p - 1) + (v - 1) p = 10 before the first pair, and that pair's forward
