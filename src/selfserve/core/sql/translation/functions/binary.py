"""Functions of varbinary.

Source: https://trino.io/docs/current/functions/binary.html
"""

from selfserve.core.sql.translation.functions.calls import FunctionRule, by_signatures, signature

BINARY: dict[str, FunctionRule] = {
    "to_hex": by_signatures(signature("varbinary", "varchar", "hex({0})")),
    "to_utf8": by_signatures(signature("varchar", "varbinary", "encode({0})")),
    **{
        name: by_signatures(signature("varbinary", "varbinary", f"unhex({name}({{0}}))"))
        for name in ("md5", "sha1", "sha256")
    },
}
