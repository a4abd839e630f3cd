"""Scripts become statements, whatever is written in their strings and comments."""

import subprocess
import sys
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfserve.core.sql.engines import Engine
from selfserve.core.sql.problems import SqlError
from selfserve.core.sql.text.script import Statement, StatementKind, split_script
from selfserve.core.sql.text.tokens import Token, scan

TRINO, HIVE, SPARK = Engine.TRINO, Engine.HIVE, Engine.SPARK
ENGINES = list(Engine)


def _texts(script: str, engine: Engine = TRINO) -> list[str]:
    return [statement.text for statement in split_script(script, engine)]


@pytest.mark.parametrize(
    ("script", "engine", "expected"),
    [
        pytest.param("select 1", TRINO, ["select 1"], id="no-semicolon"),
        pytest.param("select 1;\nselect 2;\n", TRINO, ["select 1", "select 2"], id="two"),
        pytest.param(" ;; -- nothing\n;/* ; */", TRINO, [], id="nothing-but-comments"),
        pytest.param("", TRINO, [], id="empty"),
        pytest.param("select ';' ; x", TRINO, ["select ';'", "x"], id="string"),
        pytest.param("select 'it''s;' ; x", TRINO, ["select 'it''s;'", "x"], id="doubled-quote"),
        pytest.param('select "a;""b" ; x', TRINO, ['select "a;""b"', "x"], id="quoted-name"),
        pytest.param("select `a;b` ; x", SPARK, ["select `a;b`", "x"], id="backticks"),
        pytest.param(r"select 'it\';' ; x", HIVE, [r"select 'it\';'", "x"], id="backslash"),
        pytest.param(r"select 'c:\' ; x", TRINO, [r"select 'c:\'", "x"], id="no-backslash-escape"),
        pytest.param("select \"it's;\" ; x", HIVE, ["select \"it's;\"", "x"], id="double-quotes"),
        pytest.param(r"select r'c:\' ; x", SPARK, [r"select r'c:\'", "x"], id="raw-string"),
        pytest.param("select 1 -- a;b'\n+ 2; x", TRINO, ["select 1 -- a;b'\n+ 2", "x"], id="line"),
        pytest.param("select /* a;'b */ 1; x", TRINO, ["select /* a;'b */ 1", "x"], id="block"),
        pytest.param("a /* /* */ ; b", TRINO, ["a", "b"], id="comments-do-not-nest"),
        pytest.param("a /* /* ; */ ; */ ; b", SPARK, ["a", "b"], id="comments-nest-in-spark"),
        pytest.param("a -- x \\\n ; y\n; b", SPARK, ["a", "b"], id="comment-goes-on-in-spark"),
        pytest.param("-- why\na -- end\n;", TRINO, ["-- why\na"], id="comments-around"),
        pytest.param("select 1;-- end", TRINO, ["select 1"], id="comment-after-the-last"),
        pytest.param("select 'é漢😀;'; b", TRINO, ["select 'é漢😀;'", "b"], id="unicode"),
    ],
)  # fmt: skip
def test_a_script_is_split_where_its_engine_would(
    script: str, engine: Engine, expected: list[str]
) -> None:
    assert _texts(script, engine) == expected


FUNCTION = """create or replace function f(x bigint) returns bigint
begin
  declare y bigint default case when x > 0 then 1 else 2 end;
  if x > 1 then set y = 3; end if;
  while y < 9 do begin set y = y + 1; end; end while;
  case x when 1 then return 2; end case;
  return y;
end"""


@pytest.mark.parametrize(
    ("block", "engine"),
    [
        pytest.param(FUNCTION, TRINO, id="function"),
        pytest.param(
            "with function f() returns bigint begin return 1; end select f()", TRINO, id="inline"
        ),
        pytest.param("begin declare x = 1; if x then select 1; end if; end", SPARK, id="script"),
    ],
)
def test_semicolons_between_begin_and_end_belong_to_the_block(block: str, engine: Engine) -> None:
    assert _texts(f"{block};\nselect 1", engine) == [block, "select 1"]


def test_begin_and_case_are_ordinary_words_elsewhere() -> None:
    script = "select begin from t; select case when a then b end; select 2"

    assert len(_texts(script)) == 3


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("select 1", StatementKind.QUERY),
        ("WITH a AS (select 1) SELECT * FROM a", StatementKind.QUERY),
        ("values 1, 2", StatementKind.QUERY),
        ("table nation", StatementKind.QUERY),
        ("((select 1) union (select 2))", StatementKind.QUERY),
        ("-- why\n/* and */ select 1", StatementKind.QUERY),
        ("from t select a", StatementKind.QUERY),
        ("with a as (select 1) select update from a", StatementKind.QUERY),
        ("with a as (select 1) insert into t select * from a", StatementKind.DML),
        ("from t insert overwrite table u select a", StatementKind.DML),
        ("show tables", StatementKind.SHOW),
        ("desc t", StatementKind.DESCRIBE),
        ("describe formatted t", StatementKind.DESCRIBE),
        ("explain analyze select 1", StatementKind.EXPLAIN),
        ("create table t as select 1", StatementKind.DDL),
        ("drop table t", StatementKind.DDL),
        ("alter table t add column a int", StatementKind.DDL),
        ("insert into t values (1)", StatementKind.DML),
        ("delete from t", StatementKind.DML),
        ("update t set a = 1", StatementKind.DML),
        ("merge into t using u on a = b when matched then delete", StatementKind.DML),
        ("use hive.tpch", StatementKind.USE),
        ("set session a = 1", StatementKind.SET),
        ("reset session a", StatementKind.SET),
        ("call system.sync_partition_metadata('a', 'b', 'ADD')", StatementKind.CALL),
        ("msck repair table t", StatementKind.OTHER),
        ("selec 1", StatementKind.OTHER),
    ],
)
def test_a_statement_is_known_by_its_first_words(text: str, kind: StatementKind) -> None:
    assert [statement.kind for statement in split_script(text, TRINO)] == [kind]


def test_a_statement_says_where_it_starts() -> None:
    statements = split_script("select 1;\n\n  -- two\n select\n 2; show tables", TRINO)

    assert statements == (
        Statement("select 1", StatementKind.QUERY, 1, 1),
        Statement("-- two\n select\n 2", StatementKind.QUERY, 3, 3),
        Statement("show tables", StatementKind.SHOW, 5, 5),
    )


@pytest.mark.parametrize(
    ("script", "engine", "message", "hint"),
    [
        pytest.param(
            "select 1;\nselect 'abc'' from t",
            TRINO,
            "Line 2, column 8: this string is not closed.\n"
            "  select 'abc'' from t\n"
            "         ^^^^^^^^^^^^^",
            "''",
            id="string",
        ),
        pytest.param(
            'select "a from t',
            TRINO,
            "Line 1, column 8: this quoted name is not closed.\n"
            '  select "a from t\n'
            "         ^^^^^^^^^",
            '""',
            id="quoted-name",
        ),
        pytest.param(
            'select "a from t',
            HIVE,
            'Line 1, column 8: this string is not closed.\n  select "a from t\n         ^^^^^^^^^',
            '\\"',
            id="string-in-double-quotes",
        ),
        pytest.param(
            "select 1\n/* two\n lines",
            TRINO,
            "Line 2, column 1: this comment is not closed.\n  /* two\n  ^^",
            "*/",
            id="comment",
        ),
    ],
)
def test_what_is_not_closed_is_marked_where_it_opens(
    script: str, engine: Engine, message: str, hint: str
) -> None:
    with pytest.raises(SqlError) as caught:
        split_script(script, engine)

    assert str(caught.value) == message
    assert hint in caught.value.hint


_CONTENT = st.text(alphabet=";'\"`-/*\\ \nab:é漢", max_size=8)


def _quoted(content: str, quote: str) -> str:
    return quote + content.replace(quote, quote * 2) + quote


_PIECES = {
    TRINO: st.one_of(
        st.sampled_from(["select", "x", "1.5", "+", "(", ")", ":day", "?"]),
        _CONTENT.map(lambda content: _quoted(content, "'")),
        _CONTENT.map(lambda content: _quoted(content, '"')),
        _CONTENT.map(lambda content: f"--{content.replace(chr(10), '')}\n"),
        _CONTENT.map(lambda content: f"/*{content.replace('*', '')}*/"),
    ),
    HIVE: st.one_of(
        st.sampled_from(["select", "x", "1.5", "+", "(", ")", ":day", "?"]),
        _CONTENT.map(lambda content: "'" + content.replace("\\", "\\\\").replace("'", "\\'") + "'"),
        _CONTENT.map(lambda content: '"' + content.replace("\\", "\\\\").replace('"', '\\"') + '"'),
        _CONTENT.map(lambda content: _quoted(content, "`")),
        _CONTENT.map(lambda content: f"--{content.replace(chr(10), '')}\n"),
        _CONTENT.map(lambda content: f"/*{content.replace('*', '')}*/"),
    ),
}


@pytest.mark.parametrize("engine", list(_PIECES))
@given(data=st.data())
def test_statements_that_are_joined_and_split_come_back(
    engine: Engine, data: st.DataObject
) -> None:
    piece = st.lists(_PIECES[engine], max_size=6).map(lambda parts: " ".join([*parts, "end"]))
    statements = data.draw(st.lists(piece, max_size=5))

    assert _texts(";".join(statements), engine) == statements


@pytest.mark.parametrize("engine", ENGINES)
@given(text=st.text(alphabet=";'\"`-/*\\ \nabr:?()1.é漢\x00", max_size=40))
def test_the_tokens_of_any_text_are_that_text(engine: Engine, text: str) -> None:
    tokens: list[Token] = []

    with suppress(SqlError):  # not closed: what comes before must be right nevertheless
        tokens.extend(scan(text, engine))

    joined = "".join(token.text for token in tokens)
    assert text.startswith(joined)
    assert joined == text or text[len(joined)] in "'\"`/"


def test_the_lines_of_a_long_script_are_right() -> None:
    statements = split_script("select 1;\n\n" * 1000, TRINO)

    assert [statement.line for statement in statements] == list(range(1, 2000, 2))


def test_splitting_loads_nothing_heavy() -> None:
    program = (
        "import sys; from selfserve.core.sql.text.script import split_script\n"
        "print([n for n in ('sqlglot', 'duckdb', 'pyarrow', 'pydantic') if n in sys.modules])"
    )

    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )

    assert done.stdout == "[]\n"
