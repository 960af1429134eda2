"""Configurations of SONiC: one ``config_db.json`` a switch."""

from weft.export.configs.sonic.config_db import config_db, config_db_text
from weft.export.configs.sonic.ports import SonicPort, sonic_ports

__all__ = ["SonicPort", "config_db", "config_db_text", "sonic_ports"]
