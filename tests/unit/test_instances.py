"""The instance table: sizes, architectures, prices, and which release takes which type."""

from decimal import Decimal

import pytest

from selfserve.core.instances import load_instances

TABLE = load_instances()


def test_a_type_is_read_as_the_sources_give_it() -> None:
    found = TABLE.get("m5a.xlarge")

    assert found is not None
    assert (found.vcpu, found.arch, found.gpu) == (4, "x86_64", None)
    assert found.memory_gib == Decimal(16)
    assert (found.on_demand, found.emr_surcharge) == (Decimal("0.172"), Decimal("0.043"))
    assert found.spot == Decimal("0.0805")  # the lower end of the range that was seen


def test_what_is_not_known_is_none() -> None:
    found = TABLE.get("m5.8xlarge")

    assert found is not None
    assert found.spot is None
    assert found.emr_surcharge is None
    assert TABLE.get("m5.nonsense") is None


def test_the_table_says_how_old_it_is_and_where_it_is_from() -> None:
    assert TABLE.as_of == "2026-07-20"
    assert len(TABLE.sources) == 3


@pytest.mark.parametrize(
    ("name", "label", "supported"),
    [
        ("m7g.xlarge", "emr-7.14.0", True),
        ("m7g.xlarge", "emr-6.10.0", True),
        ("m7g.xlarge", "emr-6.9.1", False),
        ("m7g.xlarge", "emr-spark-8.1.0", True),
        ("g6.xlarge", "emr-7.1.0", False),
        ("g6.xlarge", "emr-7.2.0", True),
        ("g6.xlarge", "emr-6.15.0", False),
        ("m5.large", "emr-7.14.0", False),
        ("m5.xlarge", "nonsense", False),
    ],
)
def test_which_release_takes_which_type(name: str, label: str, supported: bool) -> None:  # noqa: FBT001  a column of the table
    assert TABLE.types[name].supported_by(label) is supported
