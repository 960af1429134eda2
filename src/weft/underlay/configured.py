"""Whether a design's switches are configured at all: those of InfiniBand have a subnet manager instead."""

from __future__ import annotations

from weft.errors import ConfigError
from weft.files import located
from weft.underlay.model import Underlay


def check_configured(underlay: Underlay) -> None:
    """Check that the switches route IP, so that configurations with BGP can be written for them, or compared.

    Raises:
        ConfigError: they are InfiniBand's; names the cluster file and the field.
    """
    fabric = underlay.fabric
    classes = {int(fabric.links.link_class[2 * port.cable]) for device in underlay.switches for port in device.ports}
    for number in sorted(classes):
        protocol = fabric.catalog.get("protocols", fabric.link_classes[number].protocol)
        if protocol.text("family") == "infiniband":
            with located(fabric.plan.cluster):
                raise ConfigError(
                    f"{protocol.id} switches are configured by a subnet manager, not by BGP; set protocol: roce",
                    field="scale_out.protocol",
                )
