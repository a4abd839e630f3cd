"""Files that flags of spark-submit name: what goes to S3, what passes through, what is refused."""

from pathlib import Path

import pytest

from selfserve.core.package import Upload
from selfserve.core.spark_properties import parse_properties
from selfserve.errors import BadInputError
from selfserve.usecases.packages.flag_files import read_flags, ship_flags


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with one file of each kind."""
    monkeypatch.chdir(tmp_path)
    for name in ("mod.py", "lib.zip", "a.jar", "b.jar", "data.csv", "model.tar.gz", "pkg.whl"):
        Path(name).write_text(name, encoding="utf-8")
    Path("folder").mkdir()
    return tmp_path


def uri_of(path: str) -> str:
    return Upload.of_file(Path(path)).uri("lake")


def test_files_of_this_machine_are_named_by_their_content() -> None:
    flags, uploads = ship_flags(("--jars", "a.jar, b.jar", "--name", "a.jar"), bucket="lake")

    assert flags == ("--jars", f"{uri_of('a.jar')},{uri_of('b.jar')}", "--name", "a.jar")
    assert uri_of("a.jar").endswith("/a.jar")
    assert uploads == (Upload.of_file(Path("a.jar")), Upload.of_file(Path("b.jar")))


@pytest.mark.parametrize(("flag", "path"), [("--files", "data.csv"), ("--archives", "lib.zip")])
def test_the_name_on_the_cluster_is_kept(flag: str, path: str) -> None:
    flags, uploads = ship_flags((flag, f"{path}#mine"), bucket="lake")

    assert flags == (flag, f"{uri_of(path)}#mine")
    assert [upload.path for upload in uploads] == [Path(path)]


@pytest.mark.parametrize(
    ("flag", "uri"),
    [
        ("--jars", "s3://lake/libs/*.jar"),
        ("--jars", "ivy://org.apache.spark:spark-avro_2.12:3.5.8"),
        ("--files", "s3a://lake/data.csv#mine"),
        ("--files", "hdfs:///data/x"),
        ("--archives", "https://example.com/x.tar.gz#x"),
        ("--py-files", "local:///usr/lib/x.zip"),
    ],
)
def test_what_the_cluster_can_read_itself_passes_through(flag: str, uri: str) -> None:
    assert ship_flags((flag, uri), bucket="lake") == ((flag, uri), ())


def test_a_file_that_is_named_twice_is_stored_once() -> None:
    flags, uploads = ship_flags(("--jars", "a.jar", "--files", "a.jar,a.jar"), bucket="lake")

    assert len(uploads) == 1
    assert flags[1] == uri_of("a.jar")


def test_a_path_may_begin_at_home(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(folder))

    _, uploads = ship_flags(("--files", "~/data.csv"), bucket="lake")

    assert [upload.path for upload in uploads] == [folder / "data.csv"]


@pytest.mark.parametrize(
    ("flag", "value", "message", "hint"),
    [
        ("--files", "dato.csv", "no file dato.csv; did you mean 'data.csv'", "ls ."),
        ("--files", "nowhere/x.csv", "no file nowhere/x.csv", "ls nowhere"),
        ("--jars", "*.jar", "patterns are not expanded", "$(echo *.jar"),
        ("--py-files", "folder", "folder is a folder", "selfserve submit FOLDER"),
        ("--files", "folder", "folder is a folder", "--archives data.tar.gz#data"),
        ("--archives", "folder", "folder is a folder", "tar -czf"),
        ("--jars", "folder", "folder is a folder", "folder/*.jar"),
        ("--py-files", "pkg.whl", "none of .py, .zip, .egg", "--requirements"),
        ("--jars", "lib.zip", "none of .jar", "--files lib.zip"),
        ("--archives", "data.csv", "none of .zip, .tar.gz", "--files data.csv"),
        ("--files", "file:///etc/hosts", "may be on this machine", "local:///PATH"),
        ("--files", "s3b://lake/x", "cannot read s3b:; did you mean 's3", "s3://BUCKET/KEY"),
        ("--files", "data.csv#my data", "'my data' cannot be the name", "PATH#NAME"),
        ("--archives", "lib.zip#selfserve_code", "itself uses the name", "#my_selfserve_code"),
        ("--files", "data.csv,s3://lake/data.csv", "have the same name", "#another-data.csv"),
        ("--files", "mod.py#data.csv,data.csv", "have the same name", "#another-data.csv"),
        ("--jars", "a.jar,s3://lake/a.jar", "have the same name", "Rename one of them"),
    ],
)
def test_what_is_no_use_is_refused_before_anything_is_stored(
    flag: str, value: str, message: str, hint: str
) -> None:
    with pytest.raises(BadInputError) as refusal:
        ship_flags((flag, value), bucket="lake")

    assert str(refusal.value).startswith(f"{flag}: ")
    assert message in str(refusal.value)
    assert hint in refusal.value.hint


def test_a_file_and_an_archive_may_not_share_a_name() -> None:
    with pytest.raises(BadInputError, match="have the same name"):
        ship_flags(("--files", "data.csv", "--archives", "lib.zip#data.csv"), bucket="lake")


@pytest.mark.parametrize("name", ["my data.csv", "dätä.csv", "a$b.csv", "-x.csv", "a'b.csv"])
def test_a_name_that_would_not_survive_the_way_is_refused(name: str) -> None:
    Path(name).touch()

    with pytest.raises(BadInputError, match="Spark cannot take a file that is called"):
        ship_flags(("--files", f"./{name}"), bucket="lake")


@pytest.mark.parametrize("name", [".env", "key.pem", ".aws/config", ".ssh/known_hosts", ".netrc"])
def test_what_may_be_a_secret_is_refused_although_it_is_named(name: str) -> None:
    Path(name).parent.mkdir(exist_ok=True)
    Path(name).write_text("MARKER", encoding="utf-8")
    Path("harmless.txt").symlink_to(name)

    for given in (name, f"{name}#x", "harmless.txt"):
        with pytest.raises(BadInputError, match="is not shipped") as refusal:
            ship_flags(("--files", given), bucket="lake")

        assert "--secret NAME=arn:" in refusal.value.hint


def test_a_file_in_a_cache_may_be_shipped_when_it_is_named() -> None:
    Path(".cache").mkdir()
    Path(".cache/x.jar").touch()

    _, uploads = ship_flags(("--jars", ".cache/x.jar"), bucket="lake")

    assert [upload.path for upload in uploads] == [Path(".cache/x.jar")]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("spark.a 1", (("spark.a", "1"),)),
        ("spark.a=1\nspark.b = 2\n", (("spark.a", "1"), ("spark.b", "2"))),
        ("spark.a:1\nspark.b : 2", (("spark.a", "1"), ("spark.b", "2"))),
        ("# a comment\n! another\n\n  spark.a\t x y  \n", (("spark.a", "x y"),)),
        ("spark.a -Dx=1 -Dy=2", (("spark.a", "-Dx=1 -Dy=2"),)),
        ("spark.a one, \\\n    two\n", (("spark.a", "one, two"),)),
        ("spark.a one\\\\\nspark.b 2", (("spark.a", "one\\"), ("spark.b", "2"))),
        ("spark.a\\ b\\=c=\\u00e4\\tx", (("spark.a b=c", "ä\tx"),)),
        ("spark.a", (("spark.a", ""),)),
        ("spark.a 1\r\nspark.b 2\r\n", (("spark.a", "1"), ("spark.b", "2"))),
        ("spark.a 1\\", (("spark.a", "1"),)),
        ("", ()),
    ],
)  # fmt: skip
def test_properties_are_read_as_java_reads_them(
    text: str, expected: tuple[tuple[str, str], ...]
) -> None:
    assert parse_properties(text) == expected


def test_a_properties_file_is_as_many_settings_and_weaker_than_those_given() -> None:
    Path("my.conf").write_text(
        "spark.a 1\nspark.executor.memory 8gb\nspark.app.name theirs\n", encoding="utf-8"
    )
    given = [("--conf", "spark.a=2"), ("--properties-file", "my.conf"), ("--name", "mine")]

    flags = read_flags(given)

    assert flags == (
        *("--name", "mine", "--conf", "spark.a=1"),
        *("--conf", "spark.executor.memory=8g", "--conf", "spark.a=2"),
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"spark.driver.memory lots", "my.conf: --conf spark.driver.memory: 'lots'"),
        (b"a b", "my.conf: --conf: 'a' is no setting of Spark"),
        (b"\xff\xfe", "my.conf is no file of text"),
        (None, "my.conf is no file of text"),
    ],
)
def test_a_bad_properties_file_is_refused_by_its_name(content: bytes | None, message: str) -> None:
    if content is not None:
        Path("my.conf").write_bytes(content)

    with pytest.raises(BadInputError) as refusal:
        read_flags([("--properties-file", "my.conf")])

    assert message in str(refusal.value)
