"""Constants of a user's own cluster, fitted to what was measured on it."""

from weft.calibration.nccl import Calibration, Errors, Outcome, calibrate_nccl
from weft.calibration.nccl_log import NcclLog, read_nccl_log
from weft.calibration.overlay import overlay_of, write_overlay

__all__ = [
    "Calibration",
    "Errors",
    "NcclLog",
    "Outcome",
    "calibrate_nccl",
    "overlay_of",
    "read_nccl_log",
    "write_overlay",
]
