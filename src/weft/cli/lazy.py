"""Command modules loaded only when their command runs, so that ``weft --help`` stays instant."""

from __future__ import annotations

import importlib
from typing import Any

import typer
from typer.core import TyperGroup
from typer.main import get_command, get_group

# name: (module, what --help says). The module has either ``app`` (a group of commands) or a function of that name.
COMMANDS: dict[str, tuple[str, str]] = {
    "init": ("weft.cli.init", "Write a commented starter pair: cluster.yaml and job.yaml."),
    "simulate": ("weft.cli.simulate", "One job on one cluster: step time, MFU, memory, bottleneck, cost."),
    "bench": ("weft.cli.bench", "The table nccl-tests prints, predicted."),
    "packet": ("weft.cli.packet", "Flows through a network packet by packet; reads htsim's files."),
    "fabric": ("weft.cli.fabric", "A cluster's network: show, bom, cable, check, drift, plan."),
    "export": ("weft.cli.export", "What installs a design: switch configurations, cable schedule."),
    "lab": ("weft.cli.lab", "A cluster on real Linux, on this machine: up, run, fail, heal, down."),
    "compare": ("weft.cli.compare", "Clusters side by side: size, cost, power, and a job on each."),
    "catalog": ("weft.cli.catalog", "Parts, and where their numbers come from: list, show, search."),
    "validate": ("weft.cli.validate", "Predictions against published measurements, or your own."),
    "calibrate": ("weft.cli.calibrate", "Constants of your own cluster, from measurements: nccl, gpu."),
    "schema": ("weft.cli.schema", "JSON Schema of the cluster, job and scenario files, for editors."),
}


class LazyGroup(TyperGroup):
    """The top command: knows every command's name and one-line help, imports a command when it is asked for."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the command names in the order of `COMMANDS`."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Import the module behind ``cmd_name``; None where there is no such command."""
        return load_command(cmd_name) if cmd_name in COMMANDS else None

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """As usual, but offering the nearest command for one that does not exist."""
        if args and args[0] not in COMMANDS and not args[0].startswith("-") and not ctx.resilient_parsing:
            from weft.errors import UnknownName

            raise UnknownName("command", args[0][:60], COMMANDS)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """List the commands from the table, importing none."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


def load_command(name: str) -> Any:
    """Import one command and return it as click's kind of command."""
    module = importlib.import_module(COMMANDS[name][0])
    app = getattr(module, "app", None)
    if app is None:
        app = typer.Typer(add_completion=False, rich_markup_mode=None)
        app.command(name)(getattr(module, name))
        return get_command(app)
    app.rich_markup_mode = None
    group = get_group(app)
    group.name = name
    return group
