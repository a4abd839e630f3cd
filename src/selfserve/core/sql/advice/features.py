"""What only some of the engines have, and where a statement uses it.

Pure. Chosen by what analysts use, from the engines' own lists of functions: those of Hive 3.1,
Spark 3.5, Trino 479 and PrestoDB 0.28x. A function that all have is left out, as is one whose
name means another thing elsewhere.

https://trino.io/docs/current/functions/list.html
https://prestodb.io/docs/current/functions.html
https://spark.apache.org/docs/latest/api/sql/
https://cwiki.apache.org/confluence/display/Hive/LanguageManual+UDF
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from selfserve.core.sql.engines import Engine
from selfserve.core.sql.text.tokens import Token, TokenKind, scan

_TRINO, _PRESTO, _HIVE, _SPARK = Engine.TRINO, Engine.PRESTO, Engine.HIVE, Engine.SPARK
Engines = frozenset[Engine]


@dataclass(frozen=True, slots=True)
class Feature:
    """Something in a statement that not every engine has."""

    name: str
    """As people write it, such as `explode` or `LATERAL VIEW`."""
    engines: Engines


_FUNCTIONS_OF: tuple[tuple[Engines, str], ...] = (
    (
        frozenset({_TRINO, _PRESTO}),
        """
        all_match any_match approx_distinct arbitrary bitwise_and bitwise_or checksum
        date_parse day_of_month day_of_week day_of_year format_datetime from_base64 from_hex
        from_iso8601_date from_iso8601_timestamp geometric_mean histogram is_nan
        json_array_contains json_array_get json_extract json_extract_scalar json_format
        json_parse json_size levenshtein_distance map_agg map_union multimap_agg
        multimap_from_entries none_match numeric_histogram parse_datetime qdigest_agg
        reduce_agg regexp_split split_to_map split_to_multimap strpos tdigest_agg to_base64
        to_hex to_iso8601 to_unixtime to_utf8 try unnest url_extract_fragment
        url_extract_host url_extract_parameter url_extract_path url_extract_port
        url_extract_protocol url_extract_query value_at_quantile week_of_year with_timezone
        word_stem year_of_week
        """,
    ),
    (
        frozenset({_TRINO, _PRESTO, _SPARK}),
        """
        approx_percentile array_agg array_distinct array_except array_intersect array_join
        array_max array_min array_position array_remove array_sort array_union
        arrays_overlap cardinality count_if date_diff date_trunc element_at filter
        map_filter map_from_entries map_zip_with max_by min_by regexp_extract_all
        regexp_like sequence shuffle slice split_part transform transform_keys
        transform_values try_cast typeof url_decode url_encode zip_with
        """,
    ),
    (
        frozenset({_TRINO}),
        """
        array_histogram from_unixtime_nanos json_exists json_query json_serialize json_table
        json_value listagg parse_data_size
        """,
    ),
    (
        frozenset({_PRESTO}),
        """
        all_keys_match any_keys_match any_values_match array_average array_cum_sum
        array_duplicates array_frequency array_has_duplicates array_least_frequent
        array_max_by array_min_by array_normalize array_sort_desc array_split_into_chunks
        array_sum array_top_n find_first find_first_index ip_prefix ip_subnet_max
        ip_subnet_min ip_subnet_range is_subnet_of jarowinkler_similarity
        longest_common_prefix map_keys_by_top_n_values map_normalize map_remove_null_values
        map_subset map_top_n map_top_n_keys map_top_n_values no_keys_match no_values_match
        remove_nulls replace_first reservoir_sample set_agg set_union sketch_kll trail
        """,
    ),
    (
        frozenset({_HIVE, _SPARK}),
        """
        add_months array_contains base64 bround collect_list collect_set conv date_sub
        datediff elt encode explode find_in_set from_utc_timestamp get_json_object
        histogram_numeric inline instr java_method json_tuple locate months_between
        named_struct next_day nvl parse_url percentile percentile_approx pmod posexplode
        printf reflect sha2 sort_array space stack str_to_map substring_index
        to_utc_timestamp unbase64 unix_timestamp xpath xpath_string
        """,
    ),
    (frozenset({_PRESTO, _HIVE, _SPARK}), "last_day"),
    (
        frozenset({_SPARK}),
        """
        aggregate approx_count_distinct array_compact array_insert explode_outer forall
        from_csv from_json input_file_name make_date make_timestamp map_from_arrays
        monotonically_increasing_id nvl2 posexplode_outer schema_of_json spark_partition_id
        timestamp_micros timestamp_millis timestamp_seconds to_json try_add try_divide
        try_element_at try_multiply try_subtract try_to_timestamp window
        """,
    ),
    (
        frozenset({_HIVE}),
        "compute_stats context_ngrams get_splits in_file logged_in_user matchpath parse_url_tuple",
    ),
)
FUNCTIONS = {name: engines for engines, names in _FUNCTIONS_OF for name in names.split()}

_PHRASES: dict[tuple[str, ...], Engines] = {
    ("lateral", "view"): frozenset({_HIVE, _SPARK}),
    ("distribute", "by"): frozenset({_HIVE, _SPARK}),
    ("cluster", "by"): frozenset({_HIVE, _SPARK}),
    ("sort", "by"): frozenset({_HIVE, _SPARK}),
    ("left", "semi", "join"): frozenset({_HIVE, _SPARK}),
    ("insert", "overwrite"): frozenset({_HIVE, _SPARK}),
    ("stored", "as"): frozenset({_HIVE, _SPARK}),
    ("row", "format"): frozenset({_HIVE, _SPARK}),
    ("load", "data"): frozenset({_HIVE, _SPARK}),
    ("msck", "repair"): frozenset({_HIVE, _SPARK}),
    ("rlike",): frozenset({_HIVE, _SPARK}),
    ("cache", "table"): frozenset({_SPARK}),
    ("left", "anti", "join"): frozenset({_SPARK}),
    ("match_recognize",): frozenset({_TRINO}),
    ("at", "time", "zone"): frozenset({_TRINO, _PRESTO}),
    ("set", "session"): frozenset({_TRINO, _PRESTO}),
    ("with", "(", "format"): frozenset({_TRINO, _PRESTO}),
    ("with", "(", "partitioned_by"): frozenset({_TRINO, _PRESTO}),
}
_LONGEST_PHRASE = max(map(len, _PHRASES))
_HAVE_PATTERNS = frozenset({"date_format", "from_unixtime", "to_date"})
_LOOKED_INTO = _HAVE_PATTERNS | {"transform"}


def find_features(text: str, engine: Engine) -> tuple[Feature, ...]:
    """What the statement uses that not every engine has, each once, in its order.

    Args:
        text: a statement or a script.
        engine: whose quotes it is written with.

    Raises:
        SqlError: a string, a quoted name or a comment is not closed.
    """
    tokens = [token for token in scan(text, engine) if token.is_significant]
    return tuple(dict.fromkeys(_features(tokens)))


def _features(tokens: Sequence[Token]) -> Iterator[Feature]:
    words = [token.text.casefold() for token in tokens]
    for at, token in enumerate(tokens):
        if token.text.startswith("`"):
            yield Feature("names in backticks", frozenset({_HIVE, _SPARK}))
        if token.kind is not TokenKind.WORD or words[at - 1 : at] == ["."]:
            continue
        phrase = _phrase_at(words, at)
        if phrase:
            yield Feature(_shown(phrase), _PHRASES[phrase])
        elif words[at + 1 : at + 2] == ["("]:
            yield from _features_of_call(tokens, at)


def _phrase_at(words: Sequence[str], at: int) -> tuple[str, ...]:
    for length in range(_LONGEST_PHRASE, 0, -1):
        phrase = tuple(words[at : at + length])
        if phrase in _PHRASES:
            return phrase
    return ()


def _shown(phrase: Sequence[str]) -> str:
    return " ".join(phrase).upper().replace("( ", "(")


def _features_of_call(tokens: Sequence[Token], at: int) -> Iterator[Feature]:
    name = tokens[at].text.casefold()
    call = _call_at(tokens, at) if name in _LOOKED_INTO else ()
    if name == "transform" and _follows(tokens, at + len(call), "using"):
        yield Feature("TRANSFORM … USING", frozenset({_HIVE, _SPARK}))
    elif name in FUNCTIONS:
        yield Feature(name, FUNCTIONS[name])
    elif name in _HAVE_PATTERNS:
        yield from _pattern_of(name, call)


def _pattern_of(function: str, call: Sequence[Token]) -> Iterator[Feature]:
    """Patterns are Java's (`yyyy-MM`) in Hive and Spark, MySQL's (`%Y-%m`) in Trino."""
    depth = 0
    for token in call:
        depth += {"(": 1, ")": -1}.get(token.text, 0)
        if depth != 1 or token.kind is not TokenKind.STRING:
            continue
        if "yy" in token.text:
            yield Feature(f"{function} with {token.text}", frozenset({_HIVE, _SPARK}))
        elif "%Y" in token.text or "%m" in token.text:
            yield Feature(f"{function} with {token.text}", frozenset({_TRINO, _PRESTO}))


def _call_at(tokens: Sequence[Token], at: int) -> Sequence[Token]:
    """The function's name, and all to the parenthesis that closes its arguments."""
    depth = 0
    for end in range(at + 1, len(tokens)):
        depth += {"(": 1, ")": -1}.get(tokens[end].text, 0)
        if depth == 0:
            return tokens[at : end + 1]
    return tokens[at:]


def _follows(tokens: Sequence[Token], at: int, word: str) -> bool:
    return any(token.text.casefold() == word for token in tokens[at : at + 1])
