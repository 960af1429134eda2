"""The fabric: one graph of arrays, built from a cluster file.

from weft.fabric import build_fabric, load_cluster
fabric = build_fabric(load_cluster("cluster.yaml"))
fabric.group(range(16))        # what a communicator sees of it
fabric.node("host1/gpu3").links
"""

from weft.fabric.build import build_fabric, load_cluster
from weft.fabric.fabric import Fabric
from weft.fabric.group import CommGroup, Level
from weft.fabric.spec import Cluster, Node, Prices, ScaleUp
from weft.fabric.tables import Domain, Kind, LinkClass

__all__ = [
    "Cluster",
    "CommGroup",
    "Domain",
    "Fabric",
    "Kind",
    "Level",
    "LinkClass",
    "Node",
    "Prices",
    "ScaleUp",
    "build_fabric",
    "load_cluster",
]
