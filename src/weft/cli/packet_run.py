"""What ``weft packet`` does with its flags: read, simulate over seeds, write files."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from weft.cli.kernels import announce
from weft.cli.packet_flags import changes_of, named_flag, rate_of, size_of, time_of
from weft.cli.sample_flags import sampling_of
from weft.engines.packet.drive import run_flows
from weft.engines.packet.htsim_topology import read_topology
from weft.engines.packet.inputs import TIERS, HOP_s, Inputs, RATE_Bps, inputs_of, transport_of
from weft.engines.packet.outcome import Outcome
from weft.engines.packet.samples import Sampling
from weft.engines.packet.summary import mean_of
from weft.engines.packet.transport import Transport
from weft.errors import ConfigError, UnknownName, WeftError
from weft.report.progress import Line

UNTIL = "10s"
UNITS = {"us": 1e-6, "ps": 1e-12}


@dataclass(frozen=True)
class Run:
    """What came of it.

    Attributes:
        outcome: of the first seed.
        answer: what ``--json`` prints.
    """

    outcome: Outcome
    answer: dict[str, Any]


def run_command(
    flows: Path,
    topo: Path | None,
    given: Mapping[str, Any],
    *,
    start_unit: str,
    seeds: int,
    sample: str | None,
    sample_ports: str,
    sample_flows: bool,
    writes: Mapping[str, Path | None],
    table_format: str,
) -> Run:
    """Run ``weft packet`` up to what it prints.

    Args:
        flows, topo: files.
        given: values of flags of the transport and the network, by name; None where they were not given.
        start_unit, seeds, sample, sample_ports, sample_flows, writes, table_format: other flags.

    Raises:
        ConfigError: a file or a flag is wrong.
        InfeasibleError: a flow has no way, or links wait for each other in a circle.
    """
    _check(writes, table_format, start_unit)
    until_s = time_of(given["until"] or UNTIL, "--until")
    transport = given["transport"] or "nscc"
    try:
        mtu_bytes = size_of(given["mtu"], "--mtu") if given["mtu"] else transport_of(transport).mtu_bytes
        chosen = transport_of(transport, **changes_of(given, mtu_bytes))
        inputs = _inputs(flows, topo, given, start_unit)
        drawn = writes["plot"] is not None or writes["trace"] is not None
        sampling = sampling_of(sample, sample_ports, flows=sample_flows, drawn=drawn)
        announce("packet")
        first, answers = _outcomes(inputs, chosen, seeds, until_s, sampling)
    except WeftError as error:
        raise named_flag(error) from None
    about = {
        "title": flows.name,
        "topology": topo.name if topo else f"{given['tiers'] or TIERS} tiers, full bisection",
        "provenance": {"version": version("weft"), "inputs_sha256": _digest(flows, topo)},
    }
    answer = {**(mean_of(answers) if seeds > 1 else answers[0]), **about}
    answer["transport"] = {"name": transport, **answer["transport"]}
    _write(first, writes, table_format, answer)
    return Run(first, answer)


def _check(writes: Mapping[str, Path | None], table_format: str, start_unit: str) -> None:
    """Refuse, before anything runs, what could not be written."""
    from weft.report.tables import FORMATS

    if table_format not in FORMATS:
        raise UnknownName("table format", table_format, FORMATS, field="--format")
    if start_unit not in UNITS:
        raise UnknownName("unit", start_unit, UNITS, field="--start-unit")
    if writes["plot"] is not None:
        from weft.report.link_plot import check_plot

        check_plot(writes["plot"])


def _inputs(flows: Path, topo: Path | None, built: Mapping[str, Any], start_unit: str) -> Inputs:
    rate, hop, switch = built["rate"], built["hop_latency"], built["switch_latency"]
    if topo is not None:
        _check_topology(topo, built)
    return inputs_of(
        flows,
        topo,
        degraded=built["degraded"] or 0,
        start_unit_s=UNITS[start_unit],
        tiers=built["tiers"] or TIERS,
        rate_Bps=rate_of(rate, "--rate") if rate is not None else RATE_Bps,
        hop_latency_s=time_of(hop, "--hop-latency", zero=True) if hop is not None else HOP_s,
        switch_latency_s=time_of(switch, "--switch-latency", zero=True) if switch is not None else 0.0,
    )


def _check_topology(topo: Path, built: Mapping[str, Any]) -> None:
    """Refuse flags of a network that its file describes, unless they say the same, as htsim wants them to."""
    for name in ("hop_latency", "switch_latency"):
        if built[name] is not None:
            raise ConfigError("the topology file says this", field=f"--{name.replace('_', '-')}")
    if built["rate"] is None and built["tiers"] is None:
        return
    tree = read_topology(topo)
    rate_Bps = tree.tiers[0].rate_Bps
    if built["rate"] is not None and rate_of(built["rate"], "--rate") != rate_Bps:
        raise ConfigError(f"hosts have {rate_Bps * 8e-9:g} Gb/s in {topo}", field="--rate")
    if built["tiers"] not in (None, len(tree.tiers)):
        raise ConfigError(f"{topo} has {len(tree.tiers)}", field="--tiers")


def _outcomes(
    inputs: Inputs, transport: Transport, seeds: int, until_s: float, sampling: Sampling | None
) -> tuple[Outcome, list[dict[str, Any]]]:
    """Run every seed; return the first's outcome, and the answers of all."""
    if seeds == 1:
        with Line("kB") as line:
            only = run_flows(
                inputs.network, transport, inputs.flows, until_s=until_s, sampling=sampling, progress=line.update
            )
        return only, [only.to_dict()]
    with Line("seeds") as line:
        first = run_flows(inputs.network, transport, inputs.flows, until_s=until_s, sampling=sampling)
        answers = [first.to_dict()]
        for turn in range(1, seeds):
            line.update(turn, seeds)
            each = replace(transport, seed=transport.seed + turn)
            answers.append(run_flows(inputs.network, each, inputs.flows, until_s=until_s).to_dict())
    return first, answers


def _digest(*files: Path | None) -> str:
    digest = hashlib.sha256()
    for path in files:
        if path is not None:
            digest.update(path.read_bytes())
    return digest.hexdigest()


def _write(outcome: Outcome, writes: Mapping[str, Path | None], table_format: str, answer: dict[str, Any]) -> None:
    """Write the files that were asked for, of the first seed."""
    if writes["tables"] is not None:
        from weft.report.tables import write_tables

        write_tables(writes["tables"], outcome.tables(), format=table_format)
    if writes["plot"] is not None:
        from weft.report.packet_plot import write_packet_plot

        write_packet_plot(writes["plot"], outcome, title=f"{answer['title']}, {answer['transport']['name']}")
    if writes["trace"] is not None:
        from weft.report.packet_timeline import flow_slices, port_counters
        from weft.report.perfetto import write_trace

        write_trace(writes["trace"], flow_slices(outcome), port_counters(outcome), about=answer["provenance"])
    if writes["metrics"] is not None:
        from weft.report.packet_metrics import packet_metrics
        from weft.report.prometheus import write_metrics

        write_metrics(writes["metrics"], packet_metrics(outcome))
