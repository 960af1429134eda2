"""GraphML, as networkx, Gephi, yEd and igraph read it: an undirected graph, one edge a cable.

Format: U. Brandes et al., GraphML Progress Report, Graph Drawing 2001 (graphml.graphdrawing.org).
"""

from __future__ import annotations

from collections.abc import Iterator
from xml.sax.saxutils import escape, quoteattr

from weft.export.columns import Columns, link_columns, node_columns
from weft.fabric import Fabric

_HEAD = """<?xml version="1.0" encoding="UTF-8"?>
<graphml xmlns="http://graphml.graphdrawing.org/xmlns">
"""


def to_graphml(fabric: Fabric) -> bytes:
    """Return the whole graph: places, devices and cables, units in the attributes' names."""
    nodes = node_columns(fabric)
    links = link_columns(fabric, nodes["name"])
    return "".join(_document(fabric.name, nodes, links)).encode()


def _document(name: str, nodes: Columns, links: Columns) -> Iterator[str]:
    yield _HEAD
    node_keys = [column for column in nodes if column != "name"]
    edge_keys = [column for column in links if column not in ("a", "b")]
    for target, keys, columns in (("node", node_keys, nodes), ("edge", edge_keys, links)):
        for key in keys:
            kind = {"f": "double", "i": "long", "u": "long"}.get(columns[key].dtype.kind, "string")
            yield f'<key id="{target}_{key}" for="{target}" attr.name="{key}" attr.type="{kind}"/>\n'
    yield f'<graph id={quoteattr(name)} edgedefault="undirected">\n'
    for label, data in zip(nodes["name"].tolist(), _data("node", node_keys, nodes), strict=True):
        yield f'<node id="{label}">{data}</node>\n'
    ends = zip(links["a"].tolist(), links["b"].tolist(), strict=True)
    for number, ((a, b), data) in enumerate(zip(ends, _data("edge", edge_keys, links), strict=True)):
        yield f'<edge id="cable{number}" source="{a}" target="{b}">{data}</edge>\n'
    yield "</graph>\n</graphml>\n"


def _data(target: str, keys: list[str], columns: Columns) -> Iterator[str]:
    """Yield each row's attributes; rows are few kinds many times over, so each kind is written once."""
    written: dict[tuple[object, ...], str] = {}
    for row in zip(*(columns[key].tolist() for key in keys), strict=True):
        if row not in written:
            written[row] = "".join(
                f'<data key="{target}_{key}">{escape(str(value))}</data>' for key, value in zip(keys, row, strict=True)
            )
        yield written[row]
