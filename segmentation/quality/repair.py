"""A table as segments are to read it: repaired, flagged, without quarantined rows. What came stays in the lake."""

# ruff: noqa: S608 - statements are made of checked column names and numbers

from collections.abc import Mapping
from decimal import Decimal

from passerelle.segmentation.dataset import COLUMN_TYPES
from passerelle.segmentation.literals import literal
from passerelle.segmentation.quality.file import ColumnRules, Constant, TableRules
from passerelle.segmentation.quality.meant import meant, slipped, text
from passerelle.segmentation.quality.measure import ColumnFigures, Measured, impossible
from passerelle.segmentation.quality.subject import Subject
from passerelle.segmentation.quality.suited import learnt_from
from passerelle.segmentation.quoting import quoted_name
from passerelle.segmentation.wrong import Place

_SQL_TYPES = {
    "string": "VARCHAR",
    "integer": "BIGINT",
    "number": "DOUBLE",
    "money": "BIGINT",
    "boolean": "BOOLEAN",
    "date": "DATE",
    "timestamp": "TIMESTAMPTZ",
}


def added_columns(table: Subject, rules: TableRules, found: Measured) -> dict[str, str]:
    """The repaired table's columns by type: without those dropped, with those that tell what was done."""
    columns = {name: kind for name, kind in table.columns.items() if name not in _dropped(rules, found)}
    for name, rule in rules.columns.items():
        if name in columns:
            columns |= dict.fromkeys(_flags(name, rule), "boolean")
    return columns


def repaired(table: Subject, rules: TableRules, found: Measured, *, timezone: str, now: int) -> str | None:
    """A query over the view `given` for the rows that segments are to read; None where nothing is to be done."""
    dropped = _dropped(rules, found)
    at_work = {n: r for n, r in rules.columns.items() if n in dropped or _flags(n, r) or _quarantines(r)}
    if not at_work:
        return None
    kept, selected = [], ["_key", "_version"]
    for name, kind in table.columns.items():
        rule = rules.columns.get(name)
        if name in dropped:
            continue
        if rule is None or name not in at_work:
            selected.append(quoted_name(name))
            continue
        figures = found.columns[name]
        bad, far = impossible(name, kind, rule.possible, now), _outlier(name, figures)
        kept += [f"NOT ({each})" for each in _quarantined(rule, bad, far)]
        selected.append(f"{_value(table, name, rule, figures, bad, far, timezone)} AS {quoted_name(name)}")
        selected += _flagged(name, rule, bad, far)
    where = f" WHERE {' AND '.join(kept)}" if kept else ""
    return f"SELECT {', '.join(selected)} FROM given{where}"


def _dropped(rules: TableRules, found: Measured) -> set[str]:
    return {
        name
        for name, rule in rules.columns.items()
        if rule.missing is not None
        and rule.missing.drop_above is not None
        and found.rows
        and found.columns[name].missing / found.rows > rule.missing.drop_above
    }


def _flags(name: str, rule: ColumnRules) -> Mapping[str, str]:
    """The columns that tell what was found or done, and what each tells."""
    flags = {}
    if rule.possible is not None and rule.possible.then in {"flag", "clip", "blank"}:
        flags[f"{name}_impossible"] = "impossible"
    if rule.outliers is not None and rule.outliers.then in {"flag", "clip", "blank"}:
        flags[f"{name}_outlier"] = "outlier"
    if rule.corrections is not None:
        flags[f"{name}_corrected"] = "corrected"
    if rule.missing is not None and rule.missing.repair is not None:
        flags[f"{name}_filled"] = "filled"
    return flags


def _quarantines(rule: ColumnRules) -> bool:
    return "quarantine" in {each.then for each in (rule.possible, rule.outliers) if each is not None}


def _quarantined(rule: ColumnRules, bad: str, far: str) -> list[str]:
    found = [bad] if rule.possible is not None and rule.possible.then == "quarantine" else []
    return [
        *found,
        *([f"{far} AND NOT {bad}"] if rule.outliers is not None and rule.outliers.then == "quarantine" else []),
    ]


def _outlier(name: str, figures: ColumnFigures) -> str:
    if figures.low is None or figures.high is None:
        return "false"
    number = f"CAST({quoted_name(name)} AS DOUBLE)"
    return f"coalesce({number} < {figures.low!r} OR {number} > {figures.high!r}, false)"


def _flagged(name: str, rule: ColumnRules, bad: str, far: str) -> list[str]:
    value = quoted_name(name)
    told = {"impossible": bad, "outlier": f"({far}) AND NOT {bad}", "filled": f"{value} IS NULL"}
    told["corrected"] = slipped(name, rule)
    if rule.missing is not None and (blanked := _blanked(rule, bad, far)) != "false":
        told["filled"] = f"({value} IS NULL OR {blanked})"
    return [f"{told[what]} AS {quoted_name(flag)}" for flag, what in _flags(name, rule).items()]


def _blanked(rule: ColumnRules, bad: str, far: str) -> str:
    parts = [bad] if rule.possible is not None and rule.possible.then == "blank" else []
    parts += [f"({far} AND NOT {bad})"] if rule.outliers is not None and rule.outliers.then == "blank" else []
    return f"({' OR '.join(parts)})" if parts else "false"


def _value(
    table: Subject, name: str, rule: ColumnRules, figures: ColumnFigures, bad: str, far: str, timezone: str
) -> str:
    value = _kept(table, name, rule, figures, bad, far)
    repair = rule.missing.repair if rule.missing is not None else None
    if repair is None:
        return value
    if repair == "linear":
        filled = _linear(value)
    elif learnt_from(repair) is not None:
        filled = "NULL" if figures.learnt is None else _looked_up(name)
    else:
        filled = _middle(table, name, repair, figures, timezone)
    return f"coalesce({value}, CAST({filled} AS {_SQL_TYPES[table.columns[name]]}))"


def kept(table: Subject, name: str, rule: ColumnRules | None, figures: ColumnFigures | None, now: int) -> str:
    """An expression: a column's value before gaps are filled, without what cannot be."""
    if rule is None or figures is None:
        return quoted_name(name)
    bad, far = impossible(name, table.columns[name], rule.possible, now), _outlier(name, figures)
    value = _kept(table, name, rule, figures, bad, far)
    return (
        f"CASE WHEN NOT {bad} THEN {value} END" if rule.possible is not None and rule.possible.then != "clip" else value
    )


def _kept(table: Subject, name: str, rule: ColumnRules, figures: ColumnFigures, bad: str, far: str) -> str:
    kind, value = table.columns[name], quoted_name(name)
    unit = 100 if kind == "money" else 1
    sql = _SQL_TYPES[kind]
    if rule.outliers is not None and rule.outliers.then == "clip" and figures.low is not None:
        clipped = f"CAST(least(greatest(CAST({value} AS DOUBLE), {figures.low!r}), {figures.high!r}) AS {sql})"
        value = f"CASE WHEN {far} AND NOT {bad} THEN {clipped} ELSE {value} END"
    if rule.possible is not None and rule.possible.then == "clip":
        low, high = rule.possible.at_least, rule.possible.at_most
        inner = quoted_name(name)
        inner = inner if low is None else f"greatest({inner}, {low * unit})"
        inner = inner if high is None else f"least({inner}, {high * unit})"
        value = f"CASE WHEN {bad} THEN CAST({inner} AS {sql}) ELSE {value} END"
    if rule.corrections is not None:
        value = f"coalesce({meant(name, rule)}, {value})"
    blank = _blanked(rule, bad, far)
    if blank != "false":
        value = f"CASE WHEN {blank} THEN NULL ELSE {value} END"
    return value


def filled_table(name: str) -> str:
    """The table of the session that holds what is learnt for the gaps of a column: `k` (`_key`) and `v`."""
    return quoted_name(f"filled {name}")


def _looked_up(name: str) -> str:
    return f"(SELECT min(f.v) FROM {filled_table(name)} AS f WHERE f.k = given._key)"


def _middle(table: Subject, name: str, repair: object, figures: ColumnFigures, timezone: str) -> str:
    if not isinstance(repair, Constant):
        return "NULL" if figures.middle is None else repr(figures.middle)
    place = Place("quality.yaml") / "tables" / table.name / "columns" / name / "missing" / "repair" / "constant"
    stored = literal(repair.constant, COLUMN_TYPES[table.columns[name]], timezone, place)
    if table.columns[name] in {"date", "timestamp"}:
        return f"make_timestamptz({stored})"
    if isinstance(stored, bool | int | float | Decimal):
        return str(stored).lower()
    return text(str(stored))


def _linear(value: str) -> str:
    """On the line between the person's values before and after, by time; nothing beyond the first and the last."""
    moment = f'CASE WHEN {value} IS NOT NULL THEN epoch_us("at") END'
    order = 'PARTITION BY subject_id, event ORDER BY "at"'
    before = f"OVER ({order}, _key ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)"
    after = f"OVER ({order}, _key ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING)"
    v0, v1 = f"last_value({value} IGNORE NULLS) {before}", f"first_value({value} IGNORE NULLS) {after}"
    t0, t1 = f"last_value({moment} IGNORE NULLS) {before}", f"first_value({moment} IGNORE NULLS) {after}"
    return f'({v0} + ({v1} - {v0}) * coalesce((epoch_us("at") - {t0}) / nullif({t1} - {t0}, 0), 0))'
