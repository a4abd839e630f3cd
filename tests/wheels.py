"""Tiny wheels in a folder, which uv takes for an index: no network."""

import base64
import zipfile
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path

from selfserve.packing.uv_tool import Uv


def offline_uv(index: Path, environment: Mapping[str, str] | None = None) -> Uv:
    """A uv that knows the wheels in the folder `index`, and nothing else."""
    nothing = index.with_name("no-index")  # `uv pip` does not heed UV_NO_INDEX
    nothing.mkdir(exist_ok=True)
    alone = {"UV_DEFAULT_INDEX": nothing.as_uri(), "UV_FIND_LINKS": str(index)}
    return Uv({**alone, "UV_NO_CACHE": "1", "UV_NO_CONFIG": "1", **(environment or {})})


def write_wheel(
    index: Path,
    name: str,
    version: str,
    *,
    tag: str = "py3-none-any",
    requires: Sequence[str] = (),
    files: Mapping[str, str] | None = None,
) -> Path:
    """Write a wheel with one module that knows its own version and tag."""
    info = f"{name}-{version}.dist-info"
    needs = "".join(f"Requires-Dist: {text}\n" for text in requires)
    contents = {
        f"{name}/__init__.py": f"VERSION = {version!r}\nTAG = {tag!r}\n",
        **(files or {}),
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{needs}",
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tag}\n",
        f"{info}/entry_points.txt": f"[console_scripts]\n{name} = {name}:main\n",
    }
    index.mkdir(exist_ok=True)
    path = index / f"{name}-{version}-{tag}.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        for member, text in contents.items():
            wheel.writestr(member, text)
        record = (f"{member},{_digest(text)},{len(text)}\n" for member, text in contents.items())
        wheel.writestr(f"{info}/RECORD", f"{''.join(record)}{info}/RECORD,,\n")
    return path


def write_sdist(index: Path, name: str, version: str) -> Path:
    """Write what looks like a source distribution."""
    index.mkdir(exist_ok=True)
    path = index / f"{name}-{version}.tar.gz"
    path.write_bytes(b"never unpacked")
    return path


def _digest(text: str) -> str:
    digest = base64.urlsafe_b64encode(sha256(text.encode()).digest()).decode()
    return f"sha256={digest.rstrip('=')}"
