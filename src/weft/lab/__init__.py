"""The lab: a design on real Linux, in network namespaces of one machine.

from weft.lab import Lab, lab_plan
with Lab.up(lab_plan(build_underlay(fabric))) as lab:
    lab.spawn("host0", ["iperf3", "-s"])
"""

from weft.lab.backend import BACKENDS, Backend
from weft.lab.clearing import clean
from weft.lab.lab import Lab
from weft.lab.plan import LabLink, LabNode, LabPlan, LabPort
from weft.lab.planning import lab_plan
from weft.lab.probe import probe

__all__ = ["BACKENDS", "Backend", "Lab", "LabLink", "LabNode", "LabPlan", "LabPort", "clean", "lab_plan", "probe"]
