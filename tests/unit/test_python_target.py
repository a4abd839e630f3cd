"""Which wheels fit a cluster or this machine."""

import pytest

from selfserve.core.program import PythonTarget
from selfserve.core.python_target import architecture_of, in_words, machine_target, python_target
from selfserve.core.releases import load_releases
from selfserve.errors import BadInputError


@pytest.mark.parametrize(
    ("label", "architecture", "version", "platform"),
    [
        ("emr-5.36.2", "x86_64", "3.7", "x86_64-manylinux2014"),
        ("emr-6.9.0", "arm64", "3.7", "aarch64-manylinux2014"),
        ("emr-7.0.0", "x86_64", "3.9", "x86_64-manylinux_2_34"),
        ("emr-7.13.0", "arm64", "3.11", "aarch64-manylinux_2_34"),
        ("emr-spark-8.0.0", "arm64", "3.11", "aarch64-manylinux_2_34"),
    ],
)
def test_a_release_decides_about_python_and_glibc(
    label: str, architecture: str, version: str, platform: str
) -> None:
    release = load_releases().by_label(label)

    assert release is not None
    assert python_target(release, architecture) == PythonTarget(version, platform)


@pytest.mark.parametrize(
    ("machine", "system", "libc", "platform"),
    [
        ("x86_64", "Linux", "2.36", "x86_64-manylinux_2_36"),
        pytest.param("aarch64", "Linux", "2.30", "aarch64-manylinux_2_28", id="rounded-down"),
        pytest.param("x86_64", "Linux", "2.99", "x86_64-manylinux_2_40", id="newer-than-uv-knows"),
        pytest.param("x86_64", "Linux", "2.26", "x86_64-manylinux2014", id="amazon-linux-2"),
        ("arm64", "Darwin", "", "aarch64-apple-darwin"),
        ("x86_64", "Darwin", "", "x86_64-apple-darwin"),
    ],
)
def test_this_machine_is_a_target_too(machine: str, system: str, libc: str, platform: str) -> None:
    target = machine_target("3.11", machine=machine, system=system, libc_version=libc)

    assert target == PythonTarget("3.11", platform)


@pytest.mark.parametrize(
    ("machine", "system", "libc"),
    [
        pytest.param("x86_64", "Linux", "", id="musl"),
        pytest.param("x86_64", "Linux", "2.12", id="glibc-too-old"),
        pytest.param("riscv64", "Linux", "2.36", id="cpu"),
        pytest.param("amd64", "Windows", "", id="system"),
    ],
)
def test_a_machine_without_wheels_is_refused(machine: str, system: str, libc: str) -> None:
    with pytest.raises(BadInputError, match=f"{system} on {machine}"):
        machine_target("3.11", machine=machine, system=system, libc_version=libc)


@pytest.mark.parametrize(
    ("workers", "primary", "expected"),
    [
        (["m7g.xlarge", "r7g.2xlarge"], [], "arm64"),
        (["m5.xlarge"], [], "x86_64"),
        pytest.param(["m5.xlarge", "x9.unheard"], [], "x86_64", id="unknown-type-beside-known"),
        pytest.param([], ["m7g.xlarge"], "arm64", id="primary-alone"),
    ],
)
def test_the_workers_have_one_architecture(
    workers: list[str], primary: list[str], expected: str
) -> None:
    assert architecture_of(workers, primary=primary) == expected


@pytest.mark.parametrize(
    ("workers", "primary", "message"),
    [
        (["m5.xlarge", "m7g.xlarge"], [], r"two: m7g.xlarge \(arm64\) and m5.xlarge \(x86_64\)"),
        (["m5.xlarge"], ["m7g.xlarge"], "two:"),
        (["x9.unheard"], [], "x9.unheard is not known"),
    ],
)
def test_mixed_or_unknown_architectures_are_refused(
    workers: list[str], primary: list[str], message: str
) -> None:
    with pytest.raises(BadInputError, match=message):
        architecture_of(workers, primary=primary)


@pytest.mark.parametrize(
    ("platform", "words"),
    [
        (
            "aarch64-manylinux_2_34",
            "Python 3.11 on arm64, Linux with glibc 2.34 (as Amazon Linux 2023)",
        ),
        (
            "x86_64-manylinux2014",
            "Python 3.11 on x86_64, Linux with glibc 2.17 (as Amazon Linux 2)",
        ),
        ("x86_64-manylinux_2_36", "Python 3.11 on x86_64, Linux with glibc 2.36"),
        ("aarch64-apple-darwin", "Python 3.11 on arm64, macOS"),
    ],
)
def test_a_target_in_words(platform: str, words: str) -> None:
    assert in_words(PythonTarget("3.11", platform)) == words
