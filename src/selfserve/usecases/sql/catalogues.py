"""The tables that a target's engines see: Glue on AWS, Hive's metastore on this machine."""

from selfserve.core.sql.tables import TableCatalogue
from selfserve.usecases.targets.target import Target


def open_catalogue(target: Target) -> TableCatalogue:
    """Sends nothing yet; on this machine the metastore is started when it is first asked."""
    if target.is_local:
        from selfserve.local.home import local_home
        from selfserve.local.sql.tables import LocalTables

        return LocalTables(local_home())
    from selfserve.aws.glue import GlueTables
    from selfserve.aws.session import make_clients

    return GlueTables(make_clients(target.region).glue)
