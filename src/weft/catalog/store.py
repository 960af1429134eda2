"""The catalog: every kind of part from the package's data files, with the user's own files laid over them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from functools import cached_property, lru_cache
from pathlib import Path

from weft.catalog.model import Contradiction, Part, Source
from weft.catalog.overlay import lay_over
from weft.catalog.reader import (
    Document,
    RawPart,
    build_part,
    read_overlay,
    read_package_document,
    read_package_file,
    read_sources,
)
from weft.errors import ConfigError, UnknownName

DATA = Path(__file__).parent / "data"
_NOT_KINDS = ("sources", "contradictions")


class Catalog:
    """Parts by kind and id. A kind's file is parsed and checked when it is first asked for."""

    def __init__(self) -> None:
        self._files = {path.stem: path for path in sorted(DATA.glob("*.yaml")) if path.stem not in _NOT_KINDS}
        self._documents: dict[str, Document] = {}
        self._parts: dict[str, dict[str, Part]] = {}

    def kinds(self) -> tuple[str, ...]:
        """Return the kinds of part, in alphabetical order."""
        return tuple(self._files)

    def parts(self, kind: str) -> tuple[Part, ...]:
        """Return every part of a kind, in file order, the user's own last.

        Raises:
            UnknownName: no such kind.
        """
        return tuple(self._of(kind).values())

    def get(self, kind: str, part_id: str) -> Part:
        """Return one part.

        Raises:
            UnknownName: no such kind or part; suggests the nearest.
        """
        parts = self._of(kind)
        if part_id not in parts:
            raise UnknownName(f"part in {kind}", part_id, parts)
        return parts[part_id]

    def find(self, part_id: str) -> Part:
        """Return a part whatever its kind.

        Raises:
            UnknownName: no kind has it; suggests the nearest.
            ConfigError: parts of several kinds share the id.
        """
        kinds = [kind for kind in self._files if part_id in self._raw(kind)]
        if not kinds:
            raise UnknownName("part", part_id, self.ids())
        if len(kinds) > 1:
            raise ConfigError(f"{part_id!r} is a part of {' and of '.join(kinds)}; say which kind")
        return self._of(kinds[0])[part_id]

    def ids(self) -> tuple[str, ...]:
        """Return the id of every part of every kind."""
        return tuple(name for kind in self._files for name in self._raw(kind))

    def source(self, source_id: str) -> Source:
        """Return a source by id.

        Raises:
            UnknownName: no such source.
        """
        if source_id in self._sources:
            return self._sources[source_id]
        for kind in self._files:
            if source_id in (sources := self._document(kind).sources):
                return sources[source_id]
        raise UnknownName("source", source_id, self._sources)

    def contradictions(self, about: Part | str | None = None) -> tuple[Contradiction, ...]:
        """Return the places where sources disagree: all, about a part, or those that mention a word."""
        if about is None:
            return self._contradictions
        if isinstance(about, Part):
            return tuple(c for c in self._contradictions if any(fnmatchcase(about.id, p) for p in c.about))
        word = about.lower()
        return tuple(c for c in self._contradictions if word in c.model_dump_json().lower())

    @cached_property
    def revision(self) -> str:
        """A short hash of every data file and overlay; equal content gives an equal revision."""
        digest = hashlib.blake2b(digest_size=6)
        for path in sorted(DATA.glob("*.yaml")):
            digest.update(path.name.encode() + b"\0" + path.read_bytes())
        return digest.hexdigest()

    def __iter__(self) -> Iterator[Part]:
        for kind in self._files:
            yield from self.parts(kind)

    def __repr__(self) -> str:
        return f"<Catalog {self.revision}: {', '.join(f'{len(self._raw(kind))} {kind}' for kind in self._files)}>"

    @cached_property
    def _sources(self) -> dict[str, Source]:
        path = DATA / "sources.yaml"
        return read_sources(read_package_file(path)["sources"], path)

    @cached_property
    def _contradictions(self) -> tuple[Contradiction, ...]:
        entries = read_package_file(DATA / "contradictions.yaml")["contradictions"]
        return tuple(Contradiction.model_validate(entry) for entry in entries)

    def _document(self, kind: str) -> Document:
        if kind not in self._files:
            raise UnknownName("kind of part", kind, self._files)
        if kind not in self._documents:
            self._documents[kind] = read_package_document(self._files[kind])
        return self._documents[kind]

    def _raw(self, kind: str) -> Mapping[str, RawPart]:
        return self._document(kind).parts

    def _of(self, kind: str) -> Mapping[str, Part]:
        if kind not in self._parts:
            document = self._document(kind)
            self._parts[kind] = self._build(document, document.parts)
        return self._parts[kind]

    def _build(self, document: Document, parts: Mapping[str, RawPart]) -> dict[str, Part]:
        known = {*self._sources, *self._document(document.kind).sources}
        return {name: build_part(document, raw, known) for name, raw in parts.items()}


class OverlaidCatalog(Catalog):
    """The package's catalog with the user's files laid over it, in order; each is checked at once and in whole."""

    def __init__(self, base: Catalog, paths: tuple[Path, ...]) -> None:
        super().__init__()
        self._base = base
        self._documents = base._documents
        self._changed: dict[str, dict[str, RawPart]] = {}
        self._changed_parts: dict[str, dict[str, Part]] = {}
        self._overlays = tuple(read_overlay(path, self._files) for path in paths)
        for overlay in self._overlays:
            laid = lay_over(overlay, self._raw(overlay.kind))
            self._changed_parts.setdefault(overlay.kind, {}).update(self._build(overlay, laid))
            self._changed.setdefault(overlay.kind, {}).update(laid)

    @cached_property
    def revision(self) -> str:
        """A short hash of the package's revision and every overlay's content."""
        digest = hashlib.blake2b(self._base.revision.encode(), digest_size=6)
        for overlay in self._overlays:
            digest.update(b"\0" + overlay.path.read_bytes())
        return digest.hexdigest()

    @cached_property
    def _sources(self) -> dict[str, Source]:
        merged = dict(self._base._sources)
        for overlay in self._overlays:
            merged |= overlay.sources
        return merged

    def _raw(self, kind: str) -> Mapping[str, RawPart]:
        return {**super()._raw(kind), **self._changed.get(kind, {})}

    def _of(self, kind: str) -> Mapping[str, Part]:
        if kind not in self._parts:
            self._parts[kind] = {**self._base._of(kind), **self._changed_parts.get(kind, {})}
        return self._parts[kind]


@lru_cache(maxsize=1)
def _package_catalog() -> Catalog:
    return Catalog()


def load_catalog(*overlays: str | Path) -> Catalog:
    """Return the catalog of parts, with the user's overlay files laid over it in order.

    Without overlays the same object is returned each time.

    Raises:
        ConfigError: an overlay is wrong; names file, line and field.
    """
    base = _package_catalog()
    return OverlaidCatalog(base, tuple(Path(path) for path in overlays)) if overlays else base
