"""Whether the rules of a table suit its columns."""

from passerelle.segmentation.dataset import COLUMN_TYPES
from passerelle.segmentation.quality.file import ColumnRules, Iterated, Nearest, TableRules
from passerelle.segmentation.quality.subject import Subject
from passerelle.segmentation.rules import Sort
from passerelle.segmentation.wrong import Place

_TOLD = ("impossible", "outlier", "filled", "corrected")
FEWEST = 50
"""From fewer rows with a value nothing is learnt."""
MOST_GAPS = 50_000
"""Of nearest neighbours: each gap is compared with each row of the sample."""

_COUNTS = frozenset({Sort.NUMBER, Sort.MONEY})


def suit(table: Subject, rules: TableRules) -> None:
    """Raises `Misdefined` where a rule does not fit its column, or there is no such column."""
    top = Place("quality.yaml") / "tables" / table.name / "columns"
    for name, rule in rules.columns.items():
        if name not in table.columns or name == "subject_id" or name.startswith("_"):
            raise (top / name).unknown("column", name, [each for each in table.columns if each != "subject_id"])
        _limits(COLUMN_TYPES[table.columns[name]].sort, rule, top / name)
        if rule.corrections is not None and table.columns[name] != "string":
            raise (top / name / "corrections").wrong("Only texts are corrected.")
        if name in {"at", "event"} and not _leaves_alone(rule):
            raise (top / name).wrong("Events need it: it can be flagged or quarantined, and not changed.")
        if taken := {f"{name}_{told}" for told in _TOLD} & set(table.columns):
            raise (top / name).wrong(f"The source has a column `{min(taken)}` of its own.", "Rename it at the source.")
        _repair(table, name, rule, top / name / "missing" / "repair")


def learnt_from(repair: object) -> list[str] | None:
    """The columns that gaps are filled by, where they are learnt from others."""
    match repair:
        case Nearest(knn=asked):
            return asked.by
        case Iterated(iterative=asked_again):
            return asked_again.by
        case _:
            return None


def _limits(sort: Sort, rule: ColumnRules, place: Place) -> None:
    if rule.outliers is not None and sort not in _COUNTS:
        raise (place / "outliers").wrong("Only numbers and money have outliers.")
    if rule.possible is not None and rule.possible.of_time != (sort is Sort.TIME):
        raise (place / "possible").wrong("The rule and the column are not of one sort.")
    if rule.possible is not None and not rule.possible.of_time and sort not in _COUNTS:
        raise (place / "possible").wrong("Only numbers, money and moments have limits.")


def _repair(table: Subject, name: str, rule: ColumnRules, place: Place) -> None:
    repair, sort = rule.missing.repair if rule.missing else None, COLUMN_TYPES[table.columns[name]].sort
    if isinstance(repair, str) and sort not in _COUNTS:
        raise place.wrong(f"A {sort} has no {repair}.", "Use `{constant: …}`.")
    if (by := learnt_from(repair)) is not None:
        if sort not in _COUNTS:
            raise place.wrong(f"A {sort} is not learnt from other columns.", "Use `{constant: …}`.")
        for each in by:
            if each not in table.columns or each.startswith("_"):
                raise place.unknown("column", each, [one for one in table.columns if one != "subject_id"])
            if COLUMN_TYPES[table.columns[each]].sort not in {*_COUNTS, Sort.BOOLEAN} or each in {name, "subject_id"}:
                raise place.wrong(f"Nothing is learnt from `{each}` here: only from other numbers, money, yes or no.")
    if repair == "linear" and table.grain != "event":
        raise place.wrong("Only events have one before and one after.")


def _leaves_alone(rule: ColumnRules) -> bool:
    """Whether the column's values stay what they are."""
    missing = rule.missing
    blanked = any(each.then in {"blank", "clip"} for each in (rule.possible, rule.outliers) if each is not None)
    return (
        not blanked
        and rule.corrections is None
        and (missing is None or (missing.repair is None and missing.drop_above is None))
    )
