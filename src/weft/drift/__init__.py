"""What is configured and cabled, compared with the design.

from weft.drift import drift
for finding in drift(fabric, "configs").findings:
    print(finding.line)
"""

from weft.drift.finding import RULES, Finding
from weft.drift.run import Drift, drift

__all__ = ["RULES", "Drift", "Finding", "drift"]
