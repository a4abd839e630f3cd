"""Pack a job's own code: its files, and the package of its project."""

import json
import os
from pathlib import Path

from selfserve.packing.archive import Member, PackedArchive, pack
from selfserve.packing.caches import write_whole
from selfserve.packing.fingerprint import fingerprint
from selfserve.packing.listing import list_shipment
from selfserve.packing.pruning import prune
from selfserve.packing.sources import JobSource
from selfserve.packing.uv_tool import Uv


def build_code(job: JobSource, *, cache: Path, uv: Uv | None = None) -> PackedArchive:
    """Return the archive of a Python job's code, in `<cache>/packages`.

    An unchanged job is not packed again: a note beside the archives says which is its own.

    Raises:
        BadInputError: something cannot be read, built or named, or is too large.
        OSError: `cache` cannot be written.
    """
    shipment = list_shipment(job, cache=cache, uv=uv)
    packages = cache / "packages"
    note = packages / f"{fingerprint(shipment.files)}.json"
    known = _read_note(note, packages)
    if known is not None:
        return known
    packed = pack([Member(file.path, file.source) for file in shipment.files], packages)
    _write_note(note, packed)
    prune(cache)
    return packed


def _read_note(note: Path, packages: Path) -> PackedArchive | None:
    try:
        sha256, size, sums_sha256 = json.loads(note.read_text(encoding="utf-8"))
        path = packages / f"{sha256}.tar.gz"
        is_there = path.stat().st_size == size
        for used in (note, path):
            os.utime(used)
    except (FileNotFoundError, ValueError, TypeError):  # never packed, or pruned, or damaged
        return None
    return PackedArchive(path, sha256, size, sums_sha256) if is_there else None


def _write_note(note: Path, packed: PackedArchive) -> None:
    write_whole(note, json.dumps([packed.sha256, packed.size, packed.sums_sha256]))
