"""The instance table: EC2 types that EMR offers, their size, architecture and prices.

Pure; the facts and their sources are in data/ec2_instances.csv, read on first use.
"""

import csv
import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from importlib.resources import files

from selfserve.core.releases import release_number

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


@dataclass(frozen=True, slots=True)
class InstanceType:
    """One EC2 instance type. Prices are us-east-1, $ per hour, Linux; None when unknown."""

    name: str
    vcpu: int
    memory_gib: Decimal
    local_nvme_gb: int
    arch: str
    """`arm64` or `x86_64`."""
    gpu: str | None
    offered_by_emr: bool
    minimum_labels: Mapping[int, str]
    """EMR major version to the first release label of it that lists the type."""
    on_demand: Decimal | None
    spot: Decimal | None
    """The lowest that was seen."""
    emr_surcharge: Decimal | None

    def supported_by(self, release_label: str) -> bool:
        """Whether EMR lists the type for this release.

        A line of releases newer than the table (emr-spark-8.x) is taken to support
        what 7.x does; EMR has the last word at launch.
        """
        number = release_number(release_label)
        if not self.offered_by_emr or number is None:
            return False
        minimum = self.minimum_labels.get(min(number[0], max(self.minimum_labels, default=0)))
        first = release_number(minimum) if minimum else None
        return first is not None and number >= first


@dataclass(frozen=True, slots=True)
class InstanceTable:
    """Every type we know, and where the facts are from."""

    types: Mapping[str, InstanceType]
    as_of: str
    """The date of the on-demand prices."""
    sources: tuple[str, ...]

    def get(self, name: str) -> InstanceType | None:
        """The type of this name."""
        return self.types.get(name)


@cache
def load_instances() -> InstanceTable:
    """The table that ships with selfserve."""
    text = files("selfserve.core").joinpath("data/ec2_instances.csv").read_text("utf-8")
    return parse_instances(text)


def parse_instances(text: str) -> InstanceTable:
    """Read the CSV; its `#` lines name the sources."""
    comments = [line[1:].strip() for line in text.splitlines() if line.startswith("#")]
    rows = (line for line in text.splitlines() if not line.startswith("#"))
    types = map(_to_instance_type, csv.DictReader(rows))
    # The later lines of a source continue the sentence of the first; keep them together.
    prices = next((line for line in comments if line.startswith("od_")), "")
    dates = _DATE.findall(prices)
    return InstanceTable(
        types={found.name: found for found in types},
        as_of=dates[0] if dates else "unknown date",
        sources=tuple(line for line in comments if re.match(r"(od|spot|emr_surcharge)_", line)),
    )


def _to_instance_type(row: Mapping[str, str]) -> InstanceType:
    minimum_labels = {major: row[f"emr_min_{major}x"] for major in (5, 6, 7)}
    return InstanceType(
        name=row["instance_type"],
        vcpu=int(row["vcpu"]),
        memory_gib=Decimal(row["memory_gib"]),
        local_nvme_gb=int(row["local_nvme_gb"]),
        arch=row["arch"],
        gpu=row["gpu"] or None,
        offered_by_emr=row["emr_supported_7_13"] == "yes",
        minimum_labels={major: label for major, label in minimum_labels.items() if label},
        on_demand=_to_money(row["od_us_east_1_usd_hr"]),
        spot=_to_money(row["spot_us_east_1_usd_hr"].split("-")[0]),
        emr_surcharge=_to_money(row["emr_surcharge_usd_hr"]),
    )


def _to_money(text: str) -> Decimal | None:
    return Decimal(text) if text else None
