"""Words of SQL that are worth completing; the engines know more. Pure."""


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


STARTERS = _words("""
    select with show describe explain create insert use values drop alter delete merge update
    set call
""")
KEYWORDS = _words("""
    select from where group by order having limit join left right full inner outer cross on
    using as and or not in between like is null distinct case when then else end union
    intersect except all exists cast try_cast with over partition rows range preceding
    following unbounded current row asc desc nulls first last interval date timestamp true
    false offset fetch lateral unnest tablesample grouping sets cube rollup filter within
    extract array map values table into insert create drop view schema schemas tables columns
    if replace properties location format any some window qualify
""")
AFTER_TABLE = frozenset(
    _words("""
    where group order having limit join left right full inner outer cross on using union
    intersect except natural tablesample lateral window offset fetch set values select with
    as when from into and or not for qualify distribute cluster sort partition
""")
)
"""What can follow a table's name and is no other name for it."""

NAMES_IN_TRINO = frozenset(
    _words("""
    all any array asc columns current date desc fetch filter first following format if interval
    last lateral limit location map nulls offset over partition preceding properties qualify
    range replace row rows schema schemas sets some tables tablesample timestamp try_cast
    unbounded view window within
""")
)
"""Keywords that Trino takes as names without quotes.

https://trino.io/docs/current/language/reserved.html
"""
