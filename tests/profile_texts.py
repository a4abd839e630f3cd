"""A small profile to build tests on, and a `load` that reads from a dictionary."""

from collections.abc import Callable
from pathlib import Path

from selfserve.core.document import Document, parse_document
from selfserve.core.render import RenderValues, bootstrap_scripts
from selfserve.core.resolve import Resolved, parse_override, resolve
from selfserve.errors import NotFoundError

SHIPPED = Path(__file__).parent.parent / "cluster_profiles"
SHA = "5" * 64

SMALL = """\
spark: 3.5.8
applications: [Spark]
nodes:
  primary: {types: [m7g.xlarge]}
  core: {types: [r7g.2xlarge], count: 2}
shutdown: {idle: 30m, max_age: 12h}
iam: {service_role: service, instance_profile: instance}
logs: s3://{{ bucket }}/logs/
bootstrap:
  max-age: {script: max-age.sh, args: ["{{ max_age_seconds }}"]}
  busy-probe: {script: busy-probe.py, args: ["s3://{{ bucket }}/selfserve/beats/"]}
"""


def loader(**texts: str) -> Callable[[str], Document]:
    """A `load` that knows these profiles."""

    def load(name: str) -> Document:
        if name not in texts:
            raise NotFoundError(f"No profile is called {name}.", hint="selfserve profiles list")
        return parse_document(texts[name], f"{name}.yaml")

    return load


def load_shipped(name: str) -> Document:
    """Read a profile that ships with selfserve."""
    return parse_document((SHIPPED / f"{name}.yaml").read_text("utf-8"), f"{name}.yaml")


def resolve_small(extra: str = "", *overrides: str) -> Resolved:
    """SMALL with `extra` as its child, and overrides written as for `--set`."""
    load = loader(small=SMALL, test=f"extends: small\n{extra}")
    return resolve("test", load=load, overrides=[parse_override(text) for text in overrides])


def render_values(resolved: Resolved, launch_id: str = "20261121-a1b2c3") -> RenderValues:
    """What ada's launch in eu-west-1 adds."""
    return RenderValues(
        user="ada",
        team=None,
        region="eu-west-1",
        account=None,
        bucket="lake",
        installation="lab",
        profile=resolved.name,
        name="mine",
        launch_id=launch_id,
        bootstrap=dict.fromkeys(bootstrap_scripts(resolved), SHA),
    )
