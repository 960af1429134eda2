"""From logs of a cluster's collectives to constants that hold for it, as a catalog overlay.

Every row of every log is predicted on the cluster's own fabric, by the closed forms that ``weft bench`` prints, under
factors on the library's constants; `weft.calibration.fit` finds the factors.
"""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from weft.calibration.constants import Constant, constants_of, scaled
from weft.calibration.fit import fit
from weft.calibration.nccl_log import NcclLog, read_nccl_log
from weft.catalog import Part
from weft.collectives import Library, estimate, library_for, load_library
from weft.collectives.library import parts_of, with_parts
from weft.collectives.model import algorithm_name
from weft.errors import ConfigError, WeftError
from weft.fabric import Cluster, CommGroup, Fabric, build_fabric, load_cluster

Floats = NDArray[np.float64]
_Z95 = 1.959964
#: Accelerators of a scale-up domain that is one machine; beyond it is a rack, and a log's hosts are trays of it.
_LARGEST_HOST = 16


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the logs say of one constant.

    Attributes:
        constant: which.
        factor: its new value over the catalog's; 1 where it is held.
        low, high: 95 % confidence interval of the factor; of its plausible range where it is held.
        identified: the logs tell it.
        why_held: why not; empty where they do.
    """

    constant: Constant
    factor: float
    low: float
    high: float
    identified: bool
    why_held: str = ""


@dataclass(frozen=True, slots=True)
class Errors:
    """How far predictions are off: median and 90th percentile of \\|predicted / measured - 1\\|, and the mean error."""

    median: float
    p90: float
    bias: float

    @classmethod
    def of(cls, predicted: Floats, measured: Floats) -> Errors:
        """Compare seconds."""
        error = predicted / measured - 1
        return cls(float(np.median(abs(error))), float(np.quantile(abs(error), 0.9)), float(error.mean()))


@dataclass(frozen=True)
class Calibration:
    """A calibrated library.

    Attributes:
        library: the library with the constants found.
        parts: its catalog parts as they were, by id.
        logs: what it was calibrated on.
        outcomes: by constant.
        before, after: errors on the logs' rows with the catalog's constants, and with these.
        noise: what is left, as a standard deviation of the logarithm of time.
    """

    library: Library
    parts: dict[str, Part]
    logs: tuple[NcclLog, ...]
    outcomes: tuple[Outcome, ...]
    before: Errors
    after: Errors
    noise: float

    @property
    def rows(self) -> int:
        """Rows of all logs together."""
        return sum(len(log.rows) for log in self.logs)


def calibrate_nccl(
    logs: Sequence[str | os.PathLike[str]],
    cluster: Cluster | str | os.PathLike[str],
    *,
    kind: str | None = None,
    ranks: int | None = None,
    algorithm: str = "auto",
    in_place: bool = False,
) -> Calibration:
    """Fit a collective library's constants to logs of nccl-tests or rccl-tests.

    Args:
        logs: files, one test each.
        cluster: where they were measured, or the path of its file.
        kind: the collective, where logs do not say.
        ranks: the communicator's size, where logs do not say.
        algorithm: what the library was made to use (``NCCL_ALGO``); ``auto`` where it chose itself.
        in_place: take the in-place columns.

    Raises:
        ConfigError: a file is no such log, is cut off or contradicts itself or the cluster; names file and line.
        InfeasibleError: the cluster cannot be built.
        UnknownName: no such collective or algorithm.
    """
    if not logs:
        raise ConfigError("give at least one log")
    chosen = algorithm_name(algorithm)
    read = tuple(read_nccl_log(path, kind=kind, ranks=ranks) for path in logs)
    fabric = build_fabric(cluster if isinstance(cluster, Cluster) else load_cluster(cluster))
    name = library_for(fabric.accelerator)
    library = load_library(name, fabric.catalog)
    rows = _Rows(fabric, read, chosen, in_place)
    protocols = dict.fromkeys(level.protocol for group in rows.groups for level in group.levels[1:])
    parts = parts_of(name, fabric.accelerator, protocols, fabric.catalog)
    constants = constants_of(parts)

    def under(log_factor: Floats) -> Library:
        factors = [(constant, math.exp(value)) for constant, value in zip(constants, log_factor, strict=True)]
        return with_parts(library, [scaled(part, factors) for part in parts.values()])

    before = rows.seconds(library)
    fitted = fit(
        lambda x: rows.seconds(under(x)),
        rows.measured,
        rows.follows,
        [constant.prior_sd for constant in constants],
        [constant.most for constant in constants],
    )
    calibrated = under(fitted.log_factor)
    outcomes = []
    for at, constant in enumerate(constants):
        value, spread = float(fitted.log_factor[at]), _Z95 * float(fitted.sd[at])
        identified = bool(fitted.identified[at])
        why = "" if identified else "too little in these rows" if fitted.matters[at] else "no row depends on it"
        high = min(math.exp(value + spread), constant.most)
        outcomes.append(Outcome(constant, math.exp(value), math.exp(value - spread), high, identified, why))
    return Calibration(
        calibrated,
        {part.id: part for part in parts.values()},
        read,
        tuple(outcomes),
        Errors.of(before, rows.measured),
        Errors.of(rows.seconds(calibrated), rows.measured),
        fitted.noise,
    )


class _Rows:
    """All rows of all logs, on the fabric: what to predict and what was measured."""

    def __init__(self, fabric: Fabric, logs: Sequence[NcclLog], algorithm: str, in_place: bool) -> None:
        self.logs, self.algorithm = logs, algorithm
        self.groups = [group_of(fabric, log) for log in logs]
        seconds: list[float] = []
        follows: list[bool] = []
        for log in logs:
            for at, row in enumerate(log.rows):
                if in_place and row.in_place_s is None:
                    raise ConfigError("the row has no in-place columns", file=log.path, line=row.line)
                seconds.append(row.in_place_s if in_place and row.in_place_s is not None else row.out_of_place_s)
                follows.append(at > 0 and row.size_bytes > log.rows[at - 1].size_bytes)
        self.measured, self.follows = np.array(seconds), np.array(follows)
        self.seconds(load_library(library_for(fabric.accelerator), fabric.catalog))  # complains with file and line

    def seconds(self, library: Library) -> Floats:
        """Predicted seconds of every row."""
        found: list[float] = []
        for log, group in zip(self.logs, self.groups, strict=True):
            try:
                found += [
                    estimate(log.kind, row.size_bytes, group, library=library, algorithm=self.algorithm).time_s
                    for row in log.rows
                ]
            except ConfigError as error:
                raise ConfigError(str(error), file=log.path, line=log.rows[0].line) from None
        return np.array(found)


def group_of(fabric: Fabric, log: NcclLog) -> CommGroup:
    """The communicator of a log on a fabric: as many ranks a host as the log has, on the first hosts.

    Raises:
        ConfigError: the log is of other accelerators, or of more hosts or ranks than the cluster has.
    """
    _check_device(fabric, log)
    per_host = fabric.plan.per_node
    line = log.device_line or log.rows[0].line

    def fail(message: str) -> WeftError:
        return ConfigError(message, file=log.path, line=line)

    if log.ranks > fabric.accelerators:
        raise fail(f"the log has {log.ranks} ranks, the cluster {fabric.accelerators:,} accelerators")
    if log.hosts is None or per_host > _LARGEST_HOST:
        return fabric.group(range(log.ranks))
    if log.hosts > fabric.plan.cluster.nodes:
        raise fail(f"the log is of {log.hosts} hosts, the cluster has {fabric.plan.cluster.nodes:,} nodes")
    each, over = divmod(log.ranks, log.hosts)
    if over:
        raise fail(f"{log.ranks} ranks do not spread evenly over {log.hosts} hosts")
    if each > per_host:
        raise fail(f"the log has {each} ranks a host, the cluster's nodes have {per_host} accelerators")
    return fabric.group([host * per_host + place for host in range(log.hosts) for place in range(each)])


def _check_device(fabric: Fabric, log: NcclLog) -> None:
    """Refuse a log of accelerators that are certainly not the cluster's, such as H100 on a cluster of A100."""
    models = [word for word in log.device.split() if word[:1].isalpha() and any(c.isdigit() for c in word)]
    model = models[0].split("-")[0].lower() if models else ""
    known = {part.id.split("_")[0] for part in fabric.catalog.parts("accelerators")}
    own = fabric.accelerator.split("_")[0]
    if model in known and model != own:
        raise ConfigError(
            f"the log is of {log.device}, the cluster of {fabric.accelerator}", file=log.path, line=log.device_line
        )
