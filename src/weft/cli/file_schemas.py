"""The JSON Schemas that ``weft schema`` prints and ``docs/schema/`` holds."""

from __future__ import annotations

from typing import Any

from weft.errors import UnknownName
from weft.files import Strict

KINDS = ("cluster", "job", "scenario")
_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def file_schema(kind: str) -> dict[str, Any]:
    """Return the schema of one kind of user file.

    Raises:
        UnknownName: no such kind.
    """
    if kind not in KINDS:
        raise UnknownName("kind of file", kind, KINDS)
    schema = {"$schema": _DIALECT, **{"cluster": _cluster, "job": _job, "scenario": _scenario}[kind]()}
    _drop_si_defaults(schema)
    return schema


def _job() -> dict[str, Any]:
    from weft.workload.spec import Job

    return Job.model_json_schema()


def _scenario() -> dict[str, Any]:
    from weft.engines.scenario import Scenario

    return Scenario.model_json_schema()


def _cluster() -> dict[str, Any]:
    """The cluster file's schema, with ``scale_out`` spelt out: one shape a topology."""
    from weft.fabric import topologies
    from weft.fabric.spec import Cluster

    schema = Cluster.model_json_schema()
    definitions = schema.setdefault("$defs", {})
    shapes = []
    for name in topologies.names():
        shape = _topology(name, topologies.get(name).Options, definitions)
        definitions[f"topology_{name}"] = shape
        shapes.append({"$ref": f"#/$defs/topology_{name}"})
    about = {key: value for key, value in schema["properties"]["scale_out"].items() if key == "description"}
    schema["properties"]["scale_out"] = {**about, "anyOf": [*shapes, {"type": "null"}], "default": None}
    definitions["other_network"] = _other_network()
    for name in ("front_end", "storage"):
        about = {key: value for key, value in schema["properties"][name].items() if key == "description"}
        either = [{"$ref": "#/$defs/other_network"}, {"type": "null"}]
        schema["properties"][name] = {**about, "anyOf": either, "default": None}
    return schema


def _other_network() -> dict[str, Any]:
    """A front-end or storage network: what hangs on it, its topology, and that topology's options, left open."""
    from weft.fabric import topologies
    from weft.fabric.other_networks import Hosts

    shape = Hosts.model_json_schema()
    known = sorted({spelling for name in topologies.names() for spelling in (name, name.replace("_", "-"))})
    shape["properties"] = {"topology": {"enum": known, "title": "Topology"}, **shape["properties"]}
    return {**shape, "required": ["topology"], "additionalProperties": True}


def _topology(name: str, options: type[Strict], definitions: dict[str, Any]) -> dict[str, Any]:
    """The options of one topology plus its name; its own definitions are moved beside the others."""
    shape = options.model_json_schema(ref_template=f"#/$defs/{name}_{{model}}")
    definitions |= {f"{name}_{key}": value for key, value in shape.pop("$defs", {}).items()}
    spellings = sorted({name, name.replace("_", "-")})
    shape["properties"] = {"topology": {"enum": spellings, "title": "Topology"}, **shape.get("properties", {})}
    shape["required"] = ["topology", *shape.get("required", [])]
    return shape


def _drop_si_defaults(schema: Any) -> None:
    """Remove defaults an editor must not offer: whole objects, and quantities held in SI without their unit."""
    for child in schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else ():
        _drop_si_defaults(child)
    if not isinstance(schema, dict):
        return
    default = schema.get("default")
    is_number = isinstance(default, int | float) and not isinstance(default, bool)
    if isinstance(default, dict) or (is_number and "pattern" in schema):
        del schema["default"]
