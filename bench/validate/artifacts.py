"""The artifacts themselves, where they are at hand: their size and what is left of it after zstd."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from bench.artifact import digest_of
from bench.derive import compressed_bytes
from bench.record import Record
from bench.store import Cache
from bench.validate.finding import Finding, of, short

Found = Mapping[str, Path]


def at_hand(records: Mapping[str, Record], folder: Path, cache: Cache | None) -> Found:
    """Return where artifacts lie by digest: in `artifacts/` of the submission by name, or in the cache."""
    out: dict[str, Path] = {}
    for digest in {each.artifact for each in records.values() if each.artifact}:
        name = digest.partition(":")[2]
        given = sorted((folder / "artifacts").glob(f"{name}*")) if name.isalnum() else []
        kept = cache.find(digest, "") if cache is not None and not given else None
        if given or kept is not None:
            out[digest] = given[0] if given else kept.path  # type: ignore[union-attr]  # one of the two is there
    return out


def artifacts(record: Record, found: Found) -> Iterator[Finding]:
    """Yield a finding for an artifact that is not what its record says."""
    path = found.get(str(record.artifact))
    if path is None:
        return
    if (digest := digest_of(path)) != record.artifact:
        yield of(record, "artifact", f"{short(record.artifact)} in {path.name}", short(digest))
        return
    files = [each for each in path.rglob("*") if each.is_file()] if path.is_dir() else [path]
    counted = {"size": sum(each.stat().st_size for each in files), "size_compressed": compressed_bytes(path)}
    for name, value in counted.items():
        said = record.readings[name].value if name in record.readings else None
        if said != value:
            yield of(record, "artifact", f"readings.{name}.value {value} as the artifact has it", short(said))
