"""Constants of a user's own cluster, fitted to what was measured on it."""

from weft.calibration.gpu_fit import GpuCalibration, GpuEstimate, calibrate_gpu
from weft.calibration.gpu_overlay import write_overlays
from weft.calibration.nccl import Calibration, Errors, Outcome, calibrate_nccl
from weft.calibration.nccl_log import NcclLog, read_nccl_log
from weft.calibration.overlay import overlay_of, write_overlay

__all__ = [
    "Calibration",
    "Errors",
    "GpuCalibration",
    "GpuEstimate",
    "NcclLog",
    "Outcome",
    "calibrate_gpu",
    "calibrate_nccl",
    "overlay_of",
    "read_nccl_log",
    "write_overlay",
    "write_overlays",
]
