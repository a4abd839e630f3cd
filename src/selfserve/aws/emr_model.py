"""Check a request against the shapes of Amazon EMR's own service model, offline.

The model is the one that botocore ships, so types, required members, enums,
lengths and patterns are EMR's. botocore sends what breaks the last three and
leaves the refusal to the service; here they are found before anything is sent.
What a well-formed request may not ask for is the business of `emr_rules`.

Must not import boto3 or make a client: the local endpoint validates with this too.
"""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from botocore.loaders import Loader
from botocore.model import ListShape, MapShape, ServiceModel, Shape, StringShape, StructureShape
from botocore.validate import ParamValidator

_VALIDATOR = ParamValidator()

# Java writes the characters beyond U+FFFF as two surrogates; Python's re knows them
# as single characters. EMR's UriString has the two middle ones swapped by mistake.
_JAVA_SURROGATES = re.compile(r"\\uD800\\u(?:DC00-\\uDBFF|DBFF-\\uDC00)\\uDFFF")

# Cluster.Name, https://docs.aws.amazon.com/emr/latest/APIReference/API_Cluster.html
_NOT_IN_A_CLUSTER_NAME = "<>$|`"


@cache
def service_model() -> ServiceModel:
    """EMR's service model; reading it takes about a tenth of a second, once."""
    return ServiceModel(Loader().load_service_model("emr", "service-2"), "emr")


def shape_problems(operation: str, request: Mapping[str, Any]) -> list[str]:
    """Return a sentence for everything in `request` that EMR's model forbids, in order.

    Raises:
        botocore.model.OperationNotFoundError: EMR has no such operation.
    """
    shape = service_model().operation_model(operation).input_shape
    if shape is None:
        return []
    report = _VALIDATOR.validate(request, shape)
    problems = report.generate_report().splitlines() if report.has_errors() else []
    problems.extend(_constraint_problems(request, shape, ""))
    if operation == "RunJobFlow":
        problems.extend(_cluster_name_problems(request.get("Name")))
    return problems


def _constraint_problems(value: object, shape: Shape, path: str) -> Iterator[str]:
    """Yield what botocore lets through; a value of the wrong type is its to report."""
    if isinstance(shape, StructureShape):
        yield from _structure_problems(value, shape, path)
    elif isinstance(shape, ListShape):
        yield from _list_problems(value, shape, path)
    elif isinstance(shape, MapShape):
        yield from _map_problems(value, shape, path)
    elif isinstance(shape, StringShape):
        if isinstance(value, str):
            yield from _string_problems(value, shape, path)
    elif shape.type_name in {"integer", "long", "float", "double"}:
        yield from _number_problems(value, shape, path)


def _structure_problems(value: object, shape: StructureShape, path: str) -> Iterator[str]:
    if not isinstance(value, Mapping):
        return
    members = shape.members
    for name, member in value.items():
        if name in members:
            yield from _constraint_problems(member, members[name], _join(path, name))


def _list_problems(value: object, shape: ListShape, path: str) -> Iterator[str]:
    if not isinstance(value, list | tuple):
        return
    most = shape.metadata.get("max")
    if most is not None and len(value) > most:
        yield f"{path}: more than {most} items"
    for index, item in enumerate(value):
        yield from _constraint_problems(item, shape.member, f"{path}[{index}]")


def _map_problems(value: object, shape: MapShape, path: str) -> Iterator[str]:
    if not isinstance(value, Mapping):
        return
    for key, item in value.items():
        yield from _constraint_problems(key, shape.key, f"{path} (key {key})")
        yield from _constraint_problems(item, shape.value, _join(path, str(key)))


def _string_problems(value: str, shape: StringShape, path: str) -> Iterator[str]:
    metadata = shape.metadata
    if not metadata:
        return
    most = metadata.get("max")
    if most is not None and len(value) > most:
        yield f"{path}: longer than {most} characters"
    enum = metadata.get("enum")
    if enum and value not in enum:
        yield f"{path}: {value!r} is not one of {', '.join(enum)}"
    pattern = metadata.get("pattern")
    if pattern and not _compiled(pattern).fullmatch(value):
        yield f"{path}: {_shorten(value)!r} has characters or a form that EMR does not accept"


def _number_problems(value: object, shape: Shape, path: str) -> Iterator[str]:
    if isinstance(value, bool):  # botocore takes True for 1; EMR's JSON does not
        yield f"{path}: a number is wanted, not {str(value).lower()}"
        return
    most = shape.metadata.get("max")
    if most is not None and isinstance(value, int | float) and value > most:
        yield f"{path}: {value} is more than {most}"


def _cluster_name_problems(name: object) -> Iterator[str]:
    if isinstance(name, str) and (bad := set(name) & set(_NOT_IN_A_CLUSTER_NAME)):
        yield f"Name: must not contain {' '.join(sorted(bad))}"


@cache
def _compiled(java_pattern: str) -> re.Pattern[str]:
    """Translate one of the model's Java patterns."""
    return re.compile(_JAVA_SURROGATES.sub(r"\\U00010000-\\U0010FFFF", java_pattern))


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _shorten(value: str) -> str:
    return value if len(value) <= 60 else value[:57] + "..."
