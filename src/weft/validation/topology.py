"""The topology suite: published networks built and counted, and what papers say that kinds of network cost and save.

Each row becomes a cluster: its endpoints, switches and cables are those of the fabric that is built, never of a table.
Every measured value of a row gives a prediction, or the reason why it cannot be said.
"""

from __future__ import annotations

from collections.abc import Callable

from pydantic import ValidationError

from weft.errors import WeftError
from weft.validation import topology_designs as designs
from weft.validation import topology_studies as studies
from weft.validation import topology_systems as systems
from weft.validation.rows import Prediction, Row, RowFile
from weft.validation.topology_fabric import Answer

#: Each knows rows of one kind, and says None to others. The first that knows a row answers it.
_STUDIES: tuple[Callable[[Row], Answer | None], ...] = (
    designs.radix_table,
    systems.scale_up_system,
    systems.hosts_of_a_run,
    designs.superpod,
    systems.llama3_cluster,
    systems.hpn_pod,
    systems.tpu_pod,
    systems.fire_flyer,
    studies.hammingmesh,
    studies.slim_fly_table,
    studies.optical_spine,
    studies.rail_only,
)
_UNKNOWN = Answer(otherwise="the row does not describe a network that can be built from it")


def predict(row: Row, file: RowFile) -> list[Prediction]:
    """Predict every measured value of a row; those that do not follow from a structure are ``unsupported``."""
    row = file.conditions(row)
    try:
        answer = next((found for study in _STUDIES if (found := study(row)) is not None), _UNKNOWN)
    except WeftError as error:
        if error.exit_code == 3:
            raise
        answer = Answer(otherwise=str(error))
    except ValidationError as error:  # the row's conditions make no valid cluster
        problem = error.errors(include_url=False)[0]
        answer = Answer(otherwise=f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}")
    return [answer.predict(row, metric, measured) for metric, measured in row["measured"].items()]
