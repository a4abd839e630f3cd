"""Random valid profiles, as YAML files that extend one another and the shipped `_base`."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from hypothesis import strategies as st

from profile_texts import load_shipped
from selfserve.core.document import Document, parse_document
from selfserve.core.instances import load_instances
from selfserve.core.releases import Release, load_releases

Json = dict[str, Any]  # Any: what YAML holds

_QUERY_ENGINES = {"Trino", "Presto"}
_GONE_IN_SPARK_RELEASES = ("hive-site", "trino-config", "presto-config", "emrfs-site")
_CLASSIFICATIONS = ("spark-defaults", "yarn-site", "core-site", *_GONE_IN_SPARK_RELEASES)


@dataclass(frozen=True)
class Files:
    """A chain of profiles; `leaf` is the one to launch."""

    documents: dict[str, Json]
    leaf: str = "leaf"

    def load(self, name: str) -> Document:
        """A `load` for `resolve`."""
        if name == "_base":
            return _base()
        text = json.dumps(self.documents[name], ensure_ascii=False)
        return parse_document(text, f"{name}.yaml")


@cache
def _base() -> Document:
    return load_shipped("_base")


@cache
def _types_of(label: str) -> dict[str, list[str]]:
    """Architecture to the instance types that a release supports."""
    found: dict[str, list[str]] = {}
    for known in load_instances().types.values():
        if known.supported_by(label):
            found.setdefault(known.arch, []).append(known.name)
    return found


_words = st.text("abcxyz019", min_size=1, max_size=8)
_plain = st.text(
    st.characters(max_codepoint=0x2FF, exclude_categories=["C"], exclude_characters="{")
)
_templates = st.sampled_from(
    [
        "{{ user }}",
        "{{ bucket }}-x",
        "{{ vars.own }}",
        "{{ launch_id }}",
        "{{ team | default('') }}",
    ]
)
_texts = st.one_of(_plain, _templates)
_scalars = st.one_of(_texts, st.integers(-5, 10**9), st.booleans())


def _durations(shortest_s: int, longest_s: int) -> st.SearchStrategy[str]:
    def spelled(seconds: int) -> list[str]:
        units = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
        return [f"{seconds // size}{unit}" for unit, size in units.items() if not seconds % size]

    ranges = [
        st.integers(-(-shortest_s // size), longest_s // size).map(size.__mul__)
        for size in (1, 60, 3600)
    ]
    edges = st.sampled_from([shortest_s, longest_s])
    return st.one_of(edges, *ranges).flatmap(lambda seconds: st.sampled_from(spelled(seconds)))


# Strategies are made once: Hypothesis takes longer to make one than to draw from it.


@cache
def _applications(label: str) -> st.SearchStrategy[list[str]]:
    release = load_releases().by_label(label)
    assert release is not None
    names = sorted(name for name in release.applications if not release.lacks(name))
    return st.lists(st.sampled_from(names), min_size=1, max_size=5, unique=True)


_releases = st.sampled_from([one for one in load_releases().releases if one.ends_idle_clusters])


@st.composite
def _pinned(draw: st.DrawFn) -> tuple[Json, Release]:
    """Applications and what pins their versions, with the release that this comes to."""
    having = draw(_releases)
    chosen = draw(_applications(having.label))
    if set(chosen) >= _QUERY_ENGINES:
        chosen.remove("Presto")
    pins: list[Json] = [{"release": having.label}]
    if "Spark" in chosen:
        pins.append({"spark": having.spark})
    if "Trino" in chosen:
        pins.append({"trino": having.applications["Trino"]})
    pin = draw(st.sampled_from(pins))
    release = having if "release" in pin else load_releases().choose(**pin, applications=chosen)
    assert release is not None
    return {**pin, "applications": chosen}, release


_spot_timeouts = st.integers(5, 45).map(lambda minutes: f"{minutes}m")
_workers = st.integers(1, 40)


@cache
def _fleet(label: str, architecture: str) -> st.SearchStrategy[Json]:
    types = st.sampled_from(_types_of(label)[architecture])
    return st.fixed_dictionaries(
        {"types": st.lists(types, min_size=1, max_size=5, unique=True)},
        optional={
            "market": st.sampled_from(["on-demand", "spot"]),
            "fallback": st.just("on-demand"),
            "spot_timeout": _spot_timeouts,
            "disk": st.integers(10, 1024),
        },
    )


@st.composite
def _nodes(draw: st.DrawFn, release: Release, *, runs_queries: bool) -> Json:
    """The fleets, and `scale` where there is one."""
    fleet = _fleet(release.label, draw(st.sampled_from(sorted(_types_of(release.label)))))
    core = draw(_workers)
    nodes = {"primary": draw(fleet), "core": {**draw(fleet), "count": core}}
    start = core
    if draw(st.booleans()):
        nodes["task"] = draw(fleet)
        if draw(st.booleans()):
            nodes["task"]["count"] = draw(_workers)
        start += nodes["task"].get("count", 1)
    if draw(st.booleans()):
        return {"nodes": nodes}
    maximum = draw(st.integers(start, start + 200))
    minimum = draw(st.integers(1, maximum if "task" in nodes else core))
    scale: Json = {"min": minimum, "max": maximum}
    if runs_queries or draw(st.booleans()):  # managed scaling does not see queries
        scale["by"] = "hand"
    return {"nodes": nodes, "scale": scale}


def _conf(*, spark_only: bool) -> st.SearchStrategy[Json]:
    allowed = [
        name for name in _CLASSIFICATIONS if not (spark_only and name in _GONE_IN_SPARK_RELEASES)
    ]
    nested = st.dictionaries(_words, _scalars, max_size=2)
    properties = st.dictionaries(_words, st.one_of(_scalars, nested), max_size=3)
    return st.dictionaries(st.sampled_from(allowed), properties, max_size=3)


_tag_keys = st.one_of(
    _words, st.sampled_from(["selfserve:idle", "selfserve:owner", "selfserve:launch-id", "owner"])
)
_tags = st.dictionaries(_tag_keys, _scalars, max_size=12)
_bootstrap = st.dictionaries(
    _words.map("own-{}".format),
    st.fixed_dictionaries(
        {"script": _words.map("{}.sh".format)}, optional={"args": st.lists(_scalars, max_size=3)}
    ),
    min_size=1,  # an empty map takes away what `_base` has
    max_size=4,
)

_idle, _max_age = _durations(60, 604_800), _durations(600, 31 * 86_400)
_shutdown = st.one_of(  # an empty map would take away what `_base` has
    st.fixed_dictionaries({"idle": _idle}, optional={"max_age": _max_age}),
    st.fixed_dictionaries({"max_age": _max_age}),
)


@cache
def _the_rest(*, spark_only: bool) -> st.SearchStrategy[Json]:
    """What a profile may leave to `_base`, or out."""
    return st.fixed_dictionaries(
        {"vars": st.just({"own": "value"})},
        optional={
            "conf": _conf(spark_only=spark_only),
            "tags": _tags,
            "bootstrap": _bootstrap,
            "step_concurrency": st.integers(1, 256),
            "shared": st.booleans(),
            "root_disk": st.integers(15, 100),
            "shutdown": _shutdown,
        },
    )


@st.composite
def profile_files(draw: st.DrawFn) -> Files:
    """One to three files that extend one another, whose merge is a valid profile."""
    pinned, release = draw(_pinned())
    runs_queries = bool(_QUERY_ENGINES & set(pinned["applications"]))
    nodes = draw(_nodes(release, runs_queries=runs_queries))
    rest = draw(_the_rest(spark_only=release.is_spark_only))
    return _spread(draw, {**pinned, **nodes, **rest})


def _spread(draw: st.DrawFn, whole: Json) -> Files:
    """Give every key to one of the files, which extend one another down to `_base`."""
    names: Sequence[str] = ["leaf", "middle", "root"][: draw(st.integers(1, 3))]
    documents: dict[str, Json] = {
        name: {"extends": parent} for name, parent in zip(names, [*names[1:], "_base"], strict=True)
    }
    for key, value in whole.items():
        documents[draw(st.sampled_from(names))][key] = value
    return Files(documents)
