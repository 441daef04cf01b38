"""Dictionaries of corrections that quality.yaml keeps in files of their own."""

import csv
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from passerelle.segmentation.quality.corrections import Corrections, Domains
from passerelle.segmentation.quality.file import QualityFile
from passerelle.segmentation.wrong import Place
from passerelle.workflows.settings.names import QUALITY

_HEAD = ("written", "meant")
_DICTIONARIES = {
    "corrections": TypeAdapter[dict[str, str]](Corrections),
    "domains": TypeAdapter[dict[str, str]](Domains),
}


def with_dictionaries(quality: QualityFile, folder: Path) -> QualityFile:
    """The same, with what its files of corrections say in their stead.

    Raises `DefinitionError` with the place in quality.yaml where one cannot be read.
    """
    top = Place(QUALITY)
    domains = quality.email_domains
    if isinstance(domains, str):
        domains = _read(folder, domains, "domains", top / "email_domains")
    tables = {}
    for name, rules in quality.tables.items():
        columns = {
            column: rule.model_copy(
                update={
                    "corrections": _read(
                        folder,
                        rule.corrections,
                        "corrections",
                        top / "tables" / name / "columns" / column / "corrections",
                    )
                }
            )
            if isinstance(rule.corrections, str)
            else rule
            for column, rule in rules.columns.items()
        }
        tables[name] = rules.model_copy(update={"columns": columns})
    return quality.model_copy(update={"tables": tables, "email_domains": domains})


def _read(folder: Path, named: str, kind: str, place: Place) -> dict[str, str]:
    """A CSV file of pairs, a path from the workspace's folder on."""
    try:
        with (folder / named).open(encoding="utf-8-sig", newline="") as file:
            lines = list(csv.reader(file))
    except (OSError, UnicodeDecodeError, csv.Error, ValueError) as problem:
        raise place.wrong(f"The file of corrections cannot be read ({type(problem).__name__}).") from None
    if not lines or tuple(cell.strip().lower() for cell in lines[0]) != _HEAD:
        raise place.wrong("The file of corrections must begin with the line `written,meant`.")
    pairs: dict[str, str] = {}
    for number, line in enumerate(lines[1:], 2):
        if not any(cell.strip() for cell in line):
            continue
        if len(line) != len(_HEAD) or line[0] in pairs:
            raise place.wrong(f"Line {number} of the file of corrections is no new pair of what was written and meant.")
        pairs[line[0].strip()] = line[1].strip()
    try:
        return _DICTIONARIES[kind].validate_python(pairs)
    except ValidationError as problem:
        said = problem.errors(include_url=False, include_input=False)[0]["msg"]
    raise place.wrong(f"The file of corrections {said}.")
