"""Files of this machine that flags of spark-submit name: they go to S3, as the job does.

Only what stands on the command line is read; `packing` knows of the job's own files.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from selfserve.core.did_you_mean import did_you_mean
from selfserve.core.package import Upload
from selfserve.core.shipping import why_file_is_not_shipped, why_folder_is_not_shipped
from selfserve.core.spark_flags import Flag, pairs, parse_flags
from selfserve.core.spark_properties import parse_properties
from selfserve.core.spark_values import CONF, check_conf
from selfserve.core.step import CODE_FOLDER, DEPENDENCIES_FOLDER
from selfserve.errors import BadInputError

PROPERTIES_FILE = "--properties-file"

_SUFFIXES: dict[str, tuple[str, ...]] = {
    "--py-files": (".py", ".zip", ".egg"),
    "--files": (),
    "--jars": (".jar",),
    "--archives": (".zip", ".tar.gz", ".tgz", ".tar", ".jar"),
}
"""What Spark and YARN make something of; any, if there is none."""
_INSTEAD_OF_FOLDER = {
    "--py-files": "Submit the folder itself: selfserve submit FOLDER; or zip what is in it: "
    "(cd {item} && zip -qr - .) > modules.zip",
    "--files": "Name its files, or ship it as an archive: tar -czf data.tar.gz -C {item} . "
    "and --archives data.tar.gz#data",
    "--jars": "Name its jars: --jars $(echo {item}/*.jar | tr ' ' ,)",
    "--archives": "Pack it: tar -czf data.tar.gz -C {item} . and --archives data.tar.gz#data",
}
_ALIASED = frozenset({"--files", "--archives"})
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):")
_ELSEWHERE = ("s3", "s3a", "s3n", "hdfs", "http", "https", "ftp", "local", "ivy")
"""Schemes that the cluster reads."""
_SAFE = re.compile(r"[A-Za-z0-9_.][A-Za-z0-9_.=@+-]*")
"""Spark reads the name as a part of a URI, and YARN's shell sees it."""
_SECRET = {why_folder_is_not_shipped(PurePosixPath(name), inside=()) for name in (".aws", ".ssh")}


@dataclass(frozen=True, slots=True)
class _Item:
    """One file of a flag's list."""

    flag: str
    text: str
    """As the user wrote it."""
    path: Path | None
    """None when it is not on this machine."""
    alias: str = ""

    @property
    def name(self) -> str:
        """What the job finds it as, in its working directory."""
        return self.alias or self.text.partition("#")[0].rpartition("/")[2]


def ship_flags(flags: Sequence[str], *, bucket: str) -> tuple[tuple[str, ...], tuple[Upload, ...]]:
    """Return the flags with every file of this machine by its URI, and those files.

    Raises:
        BadInputError: a file is missing, is no use to Spark, or may hold a secret.
        OSError: it cannot be read.
    """
    uploads: dict[str, Upload] = {}
    shipped: list[str] = []
    items = [item for flag in pairs(flags) for item in _items(flag)]
    _check_names(items)
    for name, value in pairs(flags):
        uris = [_ship(item, uploads, bucket) for item in items if item.flag == name]
        shipped += [name, ",".join(uris) if name in _SUFFIXES else value]
    return tuple(shipped), tuple(uploads.values())


def read_flags(given: Sequence[Flag]) -> tuple[str, ...]:
    """The flags that a user has given, checked and merged (`core.spark_flags.parse_flags`).

    The settings in a --properties-file stand beside the cluster's own defaults, not in
    their place as with spark-submit; EMR's would be missed.

    Raises:
        BadInputError: a value cannot be one, or there is no such file.
    """
    settings = [
        setting
        for name, value in given
        if name == PROPERTIES_FILE
        for setting in _read_properties(Path(value).expanduser())
    ]
    return parse_flags([*settings, *(flag for flag in given if flag[0] != PROPERTIES_FILE)])


def _read_properties(path: Path) -> tuple[Flag, ...]:
    try:
        text = path.read_text(encoding="utf-8")
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError, UnicodeDecodeError) as error:
        raise BadInputError(
            f"{PROPERTIES_FILE}: {path} is no file of text.",
            hint="Name a file with lines such as: spark.sql.shuffle.partitions 200",
        ) from error
    try:
        return tuple((CONF, check_conf(f"{key}={value}")) for key, value in parse_properties(text))
    except BadInputError as error:
        raise BadInputError(f"{path}: {error}", hint=error.hint) from error


def _items(flag: Flag) -> Iterator[_Item]:
    name, value = flag
    if name not in _SUFFIXES:
        return
    for text in filter(None, (part.strip() for part in value.split(","))):
        scheme = _SCHEME.match(text)
        if scheme is not None:
            _check_scheme(name, text, scheme[1])
            yield _Item(name, text, None, text.partition("#")[2])
        else:
            plain, _, alias = text.partition("#") if name in _ALIASED else (text, "", "")
            yield _Item(name, text, Path(plain).expanduser(), alias)


def _check_scheme(flag: str, text: str, scheme: str) -> None:
    if scheme.lower() in _ELSEWHERE:
        return
    if scheme.lower() == "file":
        raise BadInputError(
            f"{flag}: {text} may be on this machine or on the cluster's.",
            hint="Write the path alone for a file of this machine, and local:///PATH for one "
            "that every node has.",
        )
    raise BadInputError(
        f"{flag}: a cluster cannot read {scheme}:{did_you_mean(scheme, _ELSEWHERE) or '.'}",
        hint=f"Put the file into S3, and name that: {flag} s3://BUCKET/KEY",
    )


def _ship(item: _Item, uploads: dict[str, Upload], bucket: str) -> str:
    if item.path is None:
        return item.text
    _check_file(item, item.path)
    upload = Upload.of_file(item.path)
    uploads[upload.key] = upload
    return f"{upload.uri(bucket)}#{item.alias}" if item.alias else upload.uri(bucket)


def _check_file(item: _Item, path: Path) -> None:
    if path.is_dir():
        raise BadInputError(
            f"{item.flag}: {item.text} is a folder.",
            hint=_INSTEAD_OF_FOLDER[item.flag].format(item=path),
        )
    if not path.is_file():
        raise _missing(item, path)
    _refuse_secret(item, path)
    suffixes = _SUFFIXES[item.flag]
    if suffixes and not path.name.lower().endswith(suffixes):
        raise BadInputError(
            f"{item.flag}: {item.text} is none of {', '.join(suffixes)}.", hint=_other_way(path)
        )
    if not _SAFE.fullmatch(path.name):
        raise BadInputError(
            f"{item.flag}: Spark cannot take a file that is called {path.name!r}.",
            hint="Give it a name of ASCII letters, digits, dots, dashes and underscores.",
        )


def _missing(item: _Item, path: Path) -> BadInputError:
    if re.search(r"[*?\[]", path.name):
        return BadInputError(
            f"{item.flag}: there is no file {item.text}, and patterns are not expanded.",
            hint=f"Let the shell do it: {item.flag} $(echo {item.text} | tr ' ' ,)",
        )
    beside = [other.name for other in path.parent.iterdir()] if path.parent.is_dir() else []
    return BadInputError(
        f"{item.flag}: there is no file {item.text}{did_you_mean(path.name, beside) or '.'}",
        hint=f"Look where it is: ls {path.parent}",
    )


def _other_way(path: Path) -> str:
    if path.suffix == ".whl":
        return "Name packages in a file, and they are installed: --requirements requirements.txt"
    return f"To have it in the job's working directory as it is: --files {path}"


def _refuse_secret(item: _Item, path: Path) -> None:
    """A link gives a file another name, but a secret stays one."""
    for place in (path, path.resolve()):
        reason = why_file_is_not_shipped(PurePosixPath("files", place.name))
        folders = [
            why_folder_is_not_shipped(PurePosixPath(name), inside=()) for name in place.parts[:-1]
        ]
        reason = reason or next((found for found in folders if found in _SECRET), None)
        if reason is not None:
            raise BadInputError(
                f"{item.flag}: {item.text} is not shipped: {reason}.",
                hint="Pass a secret by reference: --secret NAME=arn:aws:secretsmanager:… "
                f"A file that only the cluster's role may read is named: {item.flag} s3://BUCKET/KEY",
            )


def _check_names(items: Sequence[_Item]) -> None:
    """In the job's working directory, and in its search path, one name is one file."""
    seen: dict[tuple[str, str], _Item] = {}
    for item in items:
        if item.alias and not _SAFE.fullmatch(item.alias):
            raise BadInputError(
                f"{item.flag}: {item.alias!r} cannot be the name of a file on the cluster.",
                hint="Use ASCII letters, digits, dots, dashes and underscores: PATH#NAME",
            )
        if item.name in (CODE_FOLDER, DEPENDENCIES_FOLDER):
            raise BadInputError(
                f"{item.flag}: selfserve itself uses the name {item.name}.",
                hint=f"Choose another: {item.flag} {item.text.partition('#')[0]}#my_{item.name}",
            )
        place = "" if item.flag in _ALIASED else item.flag
        other = seen.setdefault((place, item.name), item)
        if other.text != item.text:
            raise BadInputError(
                f"{item.flag}: {other.text} and {item.text} have the same name on the cluster.",
                hint=f"Rename one: {item.flag} {item.text}#another-{item.name}"
                if item.flag in _ALIASED and not item.alias
                else "Rename one of them.",
            )
