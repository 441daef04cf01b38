"""What was meant by values that a dictionary of corrections knows, as SQL."""

# ruff: noqa: S608 - statements are made of quoted names and texts

from passerelle.segmentation.quality.file import ColumnRules
from passerelle.segmentation.quoting import quoted_name


def slipped(name: str, rule: ColumnRules) -> str:
    """An expression: true where the dictionary of corrections says what was meant instead. Never null."""
    value = quoted_name(name)
    return f"coalesce({meant(name, rule)} IS DISTINCT FROM {value} AND {meant(name, rule)} IS NOT NULL, false)"


def meant(name: str, rule: ColumnRules) -> str:
    """An expression: what was meant by a value, by the dictionary of corrections; null where it says nothing."""
    if not isinstance(rule.corrections, dict) or not rule.corrections:
        return "NULL"
    pairs = ", ".join(f"({text(written)}, {text(right)})" for written, right in sorted(rule.corrections.items()))
    folded = f"lower(trim({quoted_name(name)}))"
    return f"(SELECT min(d.m) FROM (VALUES {pairs}) AS d(w, m) WHERE lower(trim(d.w)) = {folded})"


def text(value: str) -> str:
    """A text as SQL writes it."""
    return "'" + value.replace("'", "''") + "'"
