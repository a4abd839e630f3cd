"""Choosing a Java."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from selfserve.errors import ClusterFailedError
from selfserve.local.runtime.java import Java, find_java, probe
from selfserve.local.runtime.spark_needs import needs_of

INSTALLED = Path("/installed")


def fake_java(folder: Path, version: str) -> Path:
    """A java program of this specification version."""
    binary = folder / version / "bin" / "java"
    binary.parent.mkdir(parents=True)
    binary.write_text(
        "#!/bin/sh\n"
        f"echo '    java.home = /opt/java-{version}' >&2\n"
        f"echo '    java.specification.version = {version}' >&2\n"
    )
    binary.chmod(0o755)
    return binary


def these(*binaries: Path) -> Callable[[], Iterator[Path]]:
    return lambda: iter(binaries)


def install(version: str) -> Path:
    return INSTALLED / version


def refuse(version: str) -> Path:
    raise ClusterFailedError(f"No network for {version}.", hint="Go online.")


@pytest.mark.parametrize(
    ("spark", "machine", "expected"),
    [
        pytest.param("3.5.8", ["17"], "/opt/java-17", id="fits"),
        pytest.param("3.5.8", ["21", "11"], "/opt/java-11", id="first-that-fits"),
        pytest.param("2.4.8", ["17", "1.8"], "/opt/java-1.8", id="eight-has-its-own-number"),
        pytest.param("4.0.2", ["21"], "/opt/java-21", id="spark-4-on-21"),
        pytest.param("4.0.2", ["11"], "/installed/17.0.9.2", id="too-old"),
        pytest.param("3.5.8", [], "/installed/17.0.9.2", id="none"),
        pytest.param("3.1.2", ["17"], "/installed/11.0.13.1", id="too-new"),
    ],
)
def test_find_java(spark: str, machine: list[str], expected: str, tmp_path: Path) -> None:
    binaries = [fake_java(tmp_path, version) for version in machine]

    found = find_java(needs_of(spark), install=install, candidates=these(*binaries))

    assert found == Path(expected)


def test_java_8_cannot_be_installed_and_the_error_says_what_is_there(tmp_path: Path) -> None:
    candidates = these(fake_java(tmp_path, "17"))

    with pytest.raises(ClusterFailedError, match="needs Java 8; this machine has Java 17") as error:
        find_java(needs_of("2.4.8"), install=install, candidates=candidates)

    assert "Install Java 8" in error.value.hint


def test_an_installation_that_fails_says_both_what_failed_and_what_to_do() -> None:
    with pytest.raises(ClusterFailedError, match="No network for 17") as error:
        find_java(needs_of("3.5.8"), install=refuse, candidates=these())

    assert "Install Java 17" in error.value.hint


def test_a_program_that_is_no_java_is_passed_over(tmp_path: Path) -> None:
    stub = tmp_path / "java"
    stub.write_text("#!/bin/sh\necho 'Unable to locate a Java Runtime.' >&2\nexit 1\n")
    stub.chmod(0o755)

    assert probe(stub) is None
    assert probe(tmp_path / "missing") is None


def test_probe_reads_home_and_version(tmp_path: Path) -> None:
    assert probe(fake_java(tmp_path, "1.8")) == Java(Path("/opt/java-1.8"), 8)
