"""The docs page of the fields: everything a comparison may name, and how it may be compared.

What comes in: the catalogue of traits, the operators, the rows below. What goes out: Markdown text; who
writes it to a file is the caller's matter.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from intentml.audiences.fields import OPERATORS_OF, Kind
from intentml.audiences.lead_score import FIELD
from intentml.audiences.leaves import OPERATORS
from intentml.audiences.newcomers import NEWCOMERS
from intentml.audiences.survival import FIRST_DAYS, LAST_DAYS
from intentml.timeline.people import BIRTH_RULE, UNUSABLE_BIRTH
from intentml.traits import traits_page
from intentml.traits.predicted import BY_HORIZON

_HEAD = ("field", "type", "unit", "meaning", "null means", "needs")
_SCORES = "scores"
_CURVE = "scores of a model that predicts whether customers order"
_FURTHER = "the default horizon of the scores"

AT_HORIZONS = (
    (
        "survival_N",
        "float64",
        "probability",
        f"No order within N days, any whole number from {FIRST_DAYS} to {LAST_DAYS}: `survival_100`. Between "
        "the days of the table above the logarithm is interpolated, as `Scores.survival(100)` does.",
        "never null",
        _CURVE,
    ),
    *(
        (
            f"{field.name}_N",
            field.type,
            field.unit,
            field.meaning.replace(_FURTHER, "N days"),
            field.null_means,
            "scores with that further horizon (`intentml score --horizon`)",
        )
        for field in BY_HORIZON
    ),
)
OWN = (
    (
        "newcomer",
        "string",
        "",
        f"{', '.join(NEWCOMERS)}: of a customer who is still new.",
        "no order yet, or the first is longer ago than the shop's usual time to a second one",
        _SCORES,
    ),
    (
        FIELD,
        "float64",
        "points",
        "Points for every rule that holds, summed: those of the package (`lead_score.yaml`), or a file of "
        "that form.",
        "never null",
        "what its rules need",
    ),
)
TYPES: Mapping[Kind, tuple[str, str]] = {
    "number": ("`int64`, `float64`", "age BETWEEN 18 AND 34"),
    "text": ("`string`", "city STARTS WITH 'San '"),
    "flag": ("`boolean`", "subscribed = true"),
    "instant": ("`timestamp`", "expected_next_order_at < '2024-03-01'"),
    "list": ("`list<string>`", "groups CONTAINS 'club'"),
}
MEANINGS: Mapping[str, str] = {
    "=": "Is the value; of a date, lies on that day of the shop's calendar.",
    "!=": "Is known, and another; `<>` is the same.",
    ">": "Is more; of a date, after that day.",
    ">=": "Is as much or more; of a date, on that day or after.",
    "<": "Is less; of a date, before that day.",
    "<=": "Is as much or less; of a date, on that day or before.",
    "in": "Is one of several: `country IN (ES, PT)`.",
    "not in": "Is known, and none of them.",
    "between": "Lies between two values, both ends inside.",
    "not between": "Is known, and lies outside of them.",
    "is null": "Is unknown.",
    "is not null": "Is known.",
    "contains": "Of text: holds these characters anywhere. Of a list: holds this very word.",
    "not contains": "Is known, and does not hold it.",
    "starts with": "Begins with these characters.",
    "not starts with": "Is known, and begins otherwise.",
    "ends with": "Ends with these characters.",
    "not ends with": "Is known, and ends otherwise.",
    "matches": "A regular expression is found anywhere in it: `city MATCHES '^(Lyon)$'` for the whole.",
    "not matches": "Is known, and it is found nowhere.",
}
_ABOUT_OPERATORS = """Text is compared as it is written, capitals too. What is unknown of a customer fits no
comparison but `IS NULL`, not even `!=`; `NOT (...)` turns any answer round. A date is written in quotes,
`'2024-03-01'`, and is the whole day. An operator that its field does not take is an error that names those it
does.
"""


def fields_page() -> str:
    """The traits and scores, the fields beside them, the rule for dates of birth, the operators."""
    return "\n".join(
        [
            traits_page(),
            "## At any horizon\n",
            *_table(_HEAD, _fields(AT_HORIZONS)),
            "## Of the shop's own making\n",
            *_table(_HEAD, _fields(OWN)),
            "## Dates of birth that tell no age\n",
            BIRTH_RULE,
            f"No other date is a placeholder. `intentml check` counts such dates (`{UNUSABLE_BIRTH}`), and",
            "the preview of an audience that names `age` says how many there are.\n",
            "## Operators\n",
            _ABOUT_OPERATORS,
            *_table(("type of field", "columns", "operators", "such as"), _types()),
            *_table(("operator", "holds where the field"), _operators()),
            "Made by `fields_page()` from the catalogue of traits and `audiences/fields_page.py`; a test",
            "holds it up to date.\n",
        ]
    )


def _fields(rows: Sequence[Sequence[str]]) -> Iterator[Sequence[str]]:
    for name, type_, *rest in rows:
        yield f"`{name}`", f"`{type_}`", *rest


def _types() -> Iterator[Sequence[str]]:
    for kind, (columns, example) in TYPES.items():
        operators = ", ".join(f"`{_written(op)}`" for op in OPERATORS_OF[kind])
        yield kind, columns, operators, f"`{example}`"


def _operators() -> Iterator[Sequence[str]]:
    for op in OPERATORS:
        yield f"`{_written(op)}`", MEANINGS[op]


def _written(op: str) -> str:
    """As the text form has it."""
    return op.upper()


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield "|" + " --- |" * len(head)
    for cells in rows:
        yield f"| {' | '.join(cells)} |"
    yield ""
