"""Whether a job may need packages. Cheap: what reads requirements is slow to load."""

from pathlib import Path

from selfserve.core.inline_metadata import has_inline_metadata


def may_need_packages(job: Path, *, explicit: Path | None, project: Path | None) -> bool:
    """False only where `packing.requirements.find_requirements` finds nothing, for the same job."""
    if explicit is not None or project is not None:
        return True
    folder = job if job.is_dir() else job.parent
    script = job / "__main__.py" if job.is_dir() else job
    if (folder / "requirements.txt").exists():
        return True
    return script.is_file() and has_inline_metadata(script.read_bytes())
