"""The graph for other tools: GraphML, CSV and Parquet tables, draw.io pictures.

from weft.export import export
export(fabric, "graphml", "fabric.graphml")
"""

from weft.export.writing import FORMATS, export

__all__ = ["FORMATS", "export"]
