"""``weft lab``: a design on real Linux, in network namespaces of this machine."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from weft.cli.lab_compare import compare
from weft.cli.lab_faults import fail, heal
from weft.cli.lab_run import run as run_workload

app = typer.Typer(
    help="A design on real Linux, in network namespaces of this machine (needs root).",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)
_Cluster = Annotated[Path, typer.Argument(help="the cluster file", metavar="CLUSTER")]
_Json = Annotated[bool, typer.Option("--json", help="one JSON object on standard output")]
_Run = Annotated[str | None, typer.Option("--run", help="which lab, where several are up")]
_CODES = "Exit codes: 0 done, 1 the machine refuses, 2 bad input or something to install."


@app.command("up", epilog=f"Example: weft lab up examples/lab/leaf-spine/cluster.yaml --rate 100Mb/s  {_CODES}")
def up(
    cluster: _Cluster,
    rate: Annotated[str, typer.Option(help="of the fastest host port; all others in proportion")] = "100Mb/s",
    backend: Annotated[str, typer.Option(help="what forwards: kernel, frr, ovs or uml")] = "kernel",
    mtu: Annotated[int, typer.Option(min=576, max=9216, help="of every port, bytes")] = 1500,
    delay: Annotated[bool, typer.Option(help="hold packets back on links between sites")] = True,
    as_json: _Json = False,
) -> None:
    """Bring a cluster's compute network up: a namespace a host and switch, a shaped link a cable. It stays up."""
    import time

    from weft.cli import lab_views as views
    from weft.fabric import build_fabric, load_cluster
    from weft.lab import Lab, lab_plan
    from weft.lab.lab import interruptible
    from weft.lab.status import status as status_of
    from weft.report.machine import to_json
    from weft.underlay import build_underlay
    from weft.units import RATE, parse

    underlay = build_underlay(build_fabric(load_cluster(cluster)))
    plan = lab_plan(underlay, parse(rate, RATE), mtu=mtu, delays=delay, source=str(cluster.resolve()))
    began_s = time.monotonic()
    with interruptible():
        lab = Lab.up(plan, backend, detach=True)
    took_s = time.monotonic() - began_s
    with closing(lab):
        typer.echo(to_json(status_of(lab, 0.05) | {"up_s": took_s}) if as_json else views.up_text(lab, took_s))


@app.command("status", epilog=f"Example: weft lab status --json  {_CODES}")
def status(run: _Run = None, as_json: _Json = False) -> None:
    """Say how a lab is: hosts, links with rate, use and state, and what has happened to it."""
    from weft.cli import lab_views as views
    from weft.lab import Lab
    from weft.lab.status import status as status_of
    from weft.report.machine import to_json

    with closing(Lab.attach(run)) as lab:
        found = status_of(lab)
        typer.echo(to_json(found) if as_json else views.status_text(lab, found))


app.add_typer(fail, name="fail")
app.command("heal", epilog=f"Example: weft lab heal leaf0 spine1  {_CODES}")(heal)

app.command("run", epilog=f"Example: weft lab run all_reduce --size 8MB --react --fail busiest --at 2s  {_CODES}")(
    run_workload
)
app.command("compare", epilog=f"Example: weft lab compare --size 4MB --fail leaf0,spine1  {_CODES}")(compare)


@app.command("path", epilog=f"Example: weft lab path host0 host5 --protocol udp --to-port 4791  {_CODES}")
def path(
    source: Annotated[str, typer.Argument(metavar="FROM", help="a host, or one of its ports: host0:eth1")],
    destination: Annotated[str, typer.Argument(metavar="TO", help="a host, or one of its ports")],
    protocol: Annotated[str, typer.Option(help="tcp or udp")] = "tcp",
    from_port: Annotated[int, typer.Option(min=1, max=65535)] = 40000,
    to_port: Annotated[int, typer.Option(min=1, max=65535)] = 5201,
    run: _Run = None,
    as_json: _Json = False,
) -> None:
    """Ask the kernel of every hop which way a flow goes."""
    from weft.lab import Lab
    from weft.lab.predict import flow_between
    from weft.lab.predict import path as path_of
    from weft.report.machine import to_json

    with closing(Lab.attach(run)) as lab:
        found = path_of(lab, flow_between(lab, source, destination, protocol, from_port, to_port))
    if as_json:
        hops = [{"node": node, "port": port} for node, port in found]
        typer.echo(to_json({"schema": "weft.lab.path/1", "run": lab.run, "hops": hops}))
    else:
        typer.echo("\n".join(f"{node}  {port}" for node, port in found))


@app.command("record", epilog=f"Example: weft lab record --for 5s -o ports --format csv  {_CODES}")
def record(
    output: Annotated[Path, typer.Option("-o", "--output", help="folder of the table")],
    duration: Annotated[str, typer.Option("--for", help="how long")] = "10s",
    interval: Annotated[str, typer.Option(help="between samples")] = "10ms",
    format: Annotated[str, typer.Option(help="parquet or csv")] = "parquet",
    run: _Run = None,
    as_json: _Json = False,
) -> None:
    """Sample counters and queues of all ports, 100 times a second, into a table."""
    import time

    from weft.errors import UnknownName
    from weft.lab import Lab
    from weft.lab.telemetry import Sampler
    from weft.report.machine import to_json
    from weft.report.tables import FORMATS, write_tables
    from weft.units import DURATION, parse

    seconds, step_s = parse(duration, DURATION), parse(interval, DURATION)
    if format not in FORMATS:
        raise UnknownName("table format", format, FORMATS, field="--format")
    keep = max(1, int(seconds / max(step_s, 1e-3)) + 2)
    with closing(Lab.attach(run)) as lab, Sampler(lab, interval_s=step_s, keep=keep) as sampler:
        time.sleep(seconds)
    files = [str(file) for file in write_tables(output, sampler.tables(), format=format)]
    taken = len(sampler.samples()[0])
    if as_json:
        typer.echo(to_json({"schema": "weft.lab.record/1", "files": files, "samples": taken, "late": sampler.late}))
    else:
        typer.echo(
            f"wrote {', '.join(files)}: {taken} samples of {len(sampler.ports)} ports, {sampler.late} of them late"
        )


@app.command("metrics", epilog=f"Example: weft lab metrics --port 9100  {_CODES}")
def metrics(
    port: Annotated[int | None, typer.Option(min=1, max=65535, help="serve /metrics here until interrupted")] = None,
    address: Annotated[str, typer.Option(help="to serve at")] = "127.0.0.1",
    run: _Run = None,
) -> None:
    """Print counters and queues of all ports in Prometheus' format, or serve them."""
    from weft.lab import Lab
    from weft.lab.telemetry import Sampler, serve

    with closing(Lab.attach(run)) as lab, closing(Sampler(lab, keep=1)) as sampler:
        if port is None:
            typer.echo(sampler.metrics(), nl=False)
        else:
            typer.echo(f"lab {lab.run} at http://{address}:{port}/metrics", err=True)
            serve(sampler.metrics, port, address)


@app.command("down", epilog=f"Example: weft lab down  {_CODES}")
def down(run: _Run = None, as_json: _Json = False) -> None:
    """Take a lab down: its processes, namespaces, links, routes and files."""
    import time

    from weft.lab.lab import take_down
    from weft.report.machine import to_json

    began_s = time.monotonic()
    gone = take_down(run)
    took_s = time.monotonic() - began_s
    if as_json:
        typer.echo(to_json({"schema": "weft.lab.down/1", "run": gone, "down_s": took_s}))
    else:
        typer.echo(f"lab {gone} is down, in {took_s:.2f} s")


@app.command("clean", epilog=f"Example: weft lab clean  {_CODES}")
def clean(
    everything: Annotated[bool, typer.Option("--all", help="labs that are up and well, too")] = False,
    as_json: _Json = False,
) -> None:
    """Clear up after labs whose process was killed. Labs that are up, or being brought up, stay."""
    from weft.cli import lab_views as views
    from weft.lab import clean as clean_up
    from weft.report.machine import to_json

    found = clean_up(everything=everything)
    if as_json:
        plain = [{"run": one.run, "namespaces": one.namespaces, "processes": one.processes} for one in found]
        typer.echo(to_json({"schema": "weft.lab.clean/1", "cleared": plain}))
    else:
        typer.echo(views.cleared_text(found))


@app.command("probe", epilog=f"Example: weft lab probe  {_CODES}")
def probe(as_json: _Json = False) -> None:
    """Say what this machine can do for a lab, and what to install for the rest."""
    from dataclasses import asdict

    from weft.cli import lab_views as views
    from weft.lab import probe as probe_machine
    from weft.report.machine import to_json

    found = probe_machine()
    if as_json:
        typer.echo(to_json({"schema": "weft.lab.probe/1", "capabilities": [asdict(one) for one in found]}))
    else:
        typer.echo(views.probe_text(found))
