"""What installs a design: configurations of its switches, and the cable schedule.

from weft.export.configs import export_configs
export_configs(fabric, "frr", "configs")
"""

from weft.export.configs.export import FORMATS, Exported, config_files, export_configs

__all__ = ["FORMATS", "Exported", "config_files", "export_configs"]
