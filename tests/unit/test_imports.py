"""Which modules beside a script belong to it, found without running anything."""

from pathlib import Path

import pytest

from selfserve.errors import BadInputError
from selfserve.packing.imports import find_local_modules


def lay_out(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


BESIDE = {
    "helpers.py": "",
    "unused.py": "",
    "lib/__init__.py": "",
    "lib/part.py": "",
    "plain/part.py": "",
    "json.py": "",
    "time.py": "",
    "email/deep.py": "",
    "data/table.csv": "",
    "both.py": "",
    "both/__init__.py": "",
    "größe.py": "",
    "not-a-name.py": "",
}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("import helpers", ("helpers.py",), id="a-module"),
        pytest.param("import helpers as h, os", ("helpers.py",), id="with-another-name"),
        pytest.param("from helpers import f", ("helpers.py",), id="a-name-from-a-module"),
        pytest.param("import lib.part", ("lib",), id="a-package-is-shipped-whole"),
        pytest.param("from lib import part", ("lib",), id="a-module-from-a-package"),
        pytest.param("from lib.part import *", ("lib",), id="everything-from-a-module"),
        pytest.param("import plain.part", ("plain",), id="a-package-without-init"),
        pytest.param("from plain import part", ("plain",), id="a-module-of-one-without-init"),
        pytest.param("import plain.absent", (), id="one-without-init-lacks-the-module"),
        pytest.param("import data", (), id="a-folder-of-data-is-no-package"),
        pytest.param("def f():\n    import helpers", ("helpers.py",), id="inside-a-function"),
        pytest.param("try:\n  import helpers\nexcept E: pass", ("helpers.py",), id="inside-a-try"),
        pytest.param("from . import helpers", ("helpers.py",), id="relative"),
        pytest.param("from .helpers import f", ("helpers.py",), id="relative-module"),
        pytest.param("importlib.import_module('lib.part')", ("lib",), id="import_module"),
        pytest.param("import_module('helpers')", ("helpers.py",), id="bare-import_module"),
        pytest.param("__import__('helpers')", ("helpers.py",), id="dunder-import"),
        pytest.param("import_module(name)", (), id="a-computed-name-cannot-be-known"),
        pytest.param("import json", ("json.py",), id="beside-the-script-comes-first"),
        pytest.param("import time", (), id="what-is-built-in-cannot-be-shadowed"),
        pytest.param("import email.deep", (), id="a-folder-without-init-shadows-nothing"),
        pytest.param("import both", ("both",), id="a-package-comes-before-a-module"),
        pytest.param("import größe", ("größe.py",), id="unicode"),
        pytest.param("import pandas, pyspark.sql", (), id="what-is-installed"),
        pytest.param("import job", (), id="itself"),
        pytest.param("x = 'helpers'", (), id="a-mere-word"),
        pytest.param("import lib, helpers", ("helpers.py", "lib"), id="sorted"),
        pytest.param("", (), id="nothing"),
    ],
)
def test_what_a_script_imports_from_beside_it(
    tmp_path: Path, text: str, expected: tuple[str, ...]
) -> None:
    lay_out(tmp_path, BESIDE | {"job.py": text})

    assert find_local_modules(tmp_path / "job.py") == expected


def test_what_modules_and_packages_import_in_turn_is_found(tmp_path: Path) -> None:
    lay_out(
        tmp_path,
        {
            "job.py": "import one",
            "one.py": "import package, one",
            "package/__init__.py": "",
            "package/deep/__init__.py": "",
            "package/deep/two.py": "from three import x\nfrom .. import four",
            "three.py": "import job",
            "four.py": "",
        },
    )

    assert find_local_modules(tmp_path / "job.py") == ("one.py", "package", "three.py")


def test_a_syntax_error_is_told_with_its_line(tmp_path: Path) -> None:
    lay_out(tmp_path, {"job.py": "import os\ndef broken(:\n    pass\n"})

    with pytest.raises(BadInputError, match=r"job\.py:2: invalid syntax") as caught:
        find_local_modules(tmp_path / "job.py")

    assert "py_compile" in caught.value.hint


@pytest.mark.parametrize("content", [b"\0\0\0", b"x = '\xff'"])
def test_what_is_no_python_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "job.py").write_bytes(content)

    with pytest.raises(BadInputError, match=r"job\.py"):
        find_local_modules(tmp_path / "job.py")


def test_a_broken_file_in_a_package_is_the_jobs_own_affair(tmp_path: Path) -> None:
    lay_out(
        tmp_path,
        {
            "job.py": "import package",
            "package/__init__.py": "import helpers",
            "package/template.py": "import helpers {{ name }}",
            "helpers.py": "",
        },
    )

    assert find_local_modules(tmp_path / "job.py") == ("helpers.py", "package")


def test_a_script_that_python_warns_about_is_fine(tmp_path: Path) -> None:
    lay_out(tmp_path, {"job.py": "import helpers\nx = '\\d'\n", "helpers.py": ""})

    assert find_local_modules(tmp_path / "job.py") == ("helpers.py",)
