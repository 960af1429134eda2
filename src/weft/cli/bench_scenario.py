"""The scenario of ``weft bench``: what has no meaning for a collective by itself is refused."""

from __future__ import annotations

from pathlib import Path

from weft.engines.scenario import Scenario, load_scenario
from weft.errors import ConfigError
from weft.fabric import Fabric
from weft.files import located


def scenario_of_bench(path: Path | None, fabric: Fabric, ranks: int) -> Scenario:
    """Read a scenario; one in which nothing happens where there is no file.

    Raises:
        ConfigError: the file is wrong, says what only a job can have, or leaves too few accelerators.
    """
    if path is None:
        return Scenario()
    known = load_scenario(path)
    with located(known):
        for field in ("jobs", "slow"):
            if getattr(known, field):
                raise ConfigError("has no meaning for a collective by itself; use weft simulate", field=field)
        if known.first + ranks > fabric.accelerators:
            raise ConfigError(
                f"{ranks:,} ranks from accelerator {known.first:,} on are more than the cluster's "
                f"{fabric.accelerators:,}",
                field="first",
            )
    return known
