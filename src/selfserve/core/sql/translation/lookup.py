"""Find the tables that a statement names."""

from sqlglot import exp

from selfserve.core.did_you_mean import did_you_mean
from selfserve.core.sql.tables import Table
from selfserve.core.sql.translation.env import Env
from selfserve.core.sql.translation.places import DESCRIBE_ALL, unsupported

_CATALOGS = ("hive", "awsdatacatalog")


def find_table(env: Env, node: exp.Table) -> Table:
    """The table or view; remembers it as read if it is a table.

    Raises:
        SqlError: There is none, or its catalog is not the lake's.
    """
    statement = env.statement
    catalog = node.args.get("catalog")
    if catalog is not None and catalog.name.lower() not in _CATALOGS:
        what = f"there is no catalog {catalog.name!r}{did_you_mean(catalog.name, _CATALOGS)}"
        raise env.wrong(what, catalog, hint="Tables of the lake are in the catalog hive.")
    schema = node.db.lower() or statement.default_schema
    name = node.name.lower()
    if schema == "information_schema":
        raise unsupported(f"information_schema.{name} (see: show tables, describe TABLE)")
    table = statement.find(schema, name)
    if table is None:
        guess = did_you_mean(name, [*statement.known_tables(schema), *env.ctes])
        what = f"there is no table {schema}.{name}{guess}"
        raise env.wrong(what, node.this, hint=DESCRIBE_ALL)
    if table.view is None:
        statement.tables.setdefault(f"{table.schema}.{table.name}".lower(), table)
    return table
