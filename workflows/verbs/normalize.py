"""`normalize`: how each identifier would be normalised and hashed for a destination, or why it is refused.

JSON Lines in, JSON Lines out, in the same order, one line each; memory does not grow with the input.
"""

import json
import logging
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import IO, TYPE_CHECKING, Any

from pydantic import Field as Option

from passerelle.privacy.errors import DefinitionError
from passerelle.privacy.vocabulary import Destination, Field
from passerelle.workflows.verbs.contract import AnyVerb, Environment, Request, Result, Verb

if TYPE_CHECKING:
    from rich.console import Console

_log = logging.getLogger(__name__)

_LINES_AT_ONCE = 10_000
_LONGEST_LINE = 1 << 20
_LINES_NAMED = 20
_FIELDS = [field.value for field in Field]


class NormalizeRequest(Request):
    """For whom, and what is assumed."""

    destination: Destination = Option(description="Whose rules hold: `meta` or `google_ads`.")
    country: str | None = Option(None, description="Country of lines that name none, such as FR.")
    show: bool = Option(default=False, description="Show the normal form beside its hash.")


class NormalizeResult(Result):
    """Lines read, and what became of them."""

    lines: int = Option(0, description="Lines read, empty ones left out.")
    normalized: int = Option(0, description="Lines with a hash or a plain value.")
    refused: int = Option(0, description="Lines whose value may not be sent.")
    malformed: int = Option(0, description="Lines that were no request for a normal form.")


@dataclass(frozen=True, slots=True)
class _Line:
    """One line of input: a value of a field, or what is wrong with the line."""

    number: int
    field: Field | None = None
    value: str | None = None
    country: str | None = None
    problem: str = ""


def _run(environment: Environment, request: NormalizeRequest) -> NormalizeResult:
    _check_country(request)
    result, broken, reasons = NormalizeResult(), list[int](), Counter[str]()
    lines = _read(environment.stdin, request.country)
    with environment.progress.step("normalize") as step:
        while batch := list(islice(lines, _LINES_AT_ONCE)):
            answers = _answers(batch, request)
            environment.stdout.write("".join(f"{json.dumps(each, ensure_ascii=False)}\n" for each in answers).encode())
            environment.stdout.flush()
            broken += [line.number for line in batch if line.problem][: _LINES_NAMED + 1 - len(broken)]
            _count(result, batch, answers)
            reasons.update(each["reason"] for each in answers if each["field"] and "reason" in each)
            step.advance(len(batch))
    _explain(reasons)
    if result.malformed:
        raise _malformed(broken, result.malformed)
    return result


def _check_country(request: NormalizeRequest) -> None:
    if request.country is not None and _code(request.country) is None:
        raise DefinitionError("The country is not known.", advice="Give its ISO 3166 code, such as FR.")


def _code(country: str) -> str | None:
    import pyarrow as pa

    from passerelle.privacy.identifiers import country_codes

    code: str | None = country_codes(pa.array([country])).to_pylist()[0]
    return code


def _read(stream: IO[bytes], country: str | None) -> Iterator[_Line]:
    number = 0
    while raw := stream.readline(_LONGEST_LINE + 1):
        number += 1
        if len(raw) > _LONGEST_LINE:
            while not raw.endswith(b"\n") and (raw := stream.readline(_LONGEST_LINE)):
                pass
            yield _Line(number, problem=f"The line is longer than {_LONGEST_LINE} bytes.")
        elif raw.strip():
            yield _parse(number, raw, country)


def _parse(number: int, raw: bytes, country: str | None) -> _Line:
    try:
        given = json.loads(raw.decode("utf-8-sig" if number == 1 else "utf-8"), parse_int=str, parse_float=_number)
        json.dumps(given, ensure_ascii=False).encode()  # half a surrogate pair is no text
    except (ValueError, RecursionError):
        return _Line(number, problem="The line is not a JSON object in UTF-8.")
    if problem := _problem(given):
        return _Line(number, problem=problem)
    return _Line(number, Field(given["field"]), given["value"], given.get("country") or country)


def _problem(given: object) -> str:
    """What is wrong with one request, said without its value; nothing where it is right."""
    if not isinstance(given, dict):
        return "The line is not a JSON object."
    if unknown := given.keys() - {"field", "value", "country"}:
        return f"Only field, value and country are known; {len(unknown)} more keys stand here."
    if "value" not in given:
        return "The line has no value."
    if given.get("field") not in _FIELDS:
        return f"The field is none of {', '.join(_FIELDS)}."
    if not isinstance(given["value"], str | None) or not isinstance(given.get("country"), str | None):
        return "The value is neither text nor a number, or the country is no text."
    return ""


def _number(digits: str) -> str:
    """A JSON number with a fraction as text: 1984.0 is the 1984 that a spreadsheet wrote."""
    return digits.removesuffix(".0")


def _answers(batch: list[_Line], request: NormalizeRequest) -> list[dict[str, Any]]:
    answers: list[dict[str, Any]] = [{"field": None, "reason": line.problem} for line in batch]
    for field in Field:
        rows = [row for row, line in enumerate(batch) if line.field is field]
        if rows:
            found = _column(field, [batch[row] for row in rows], request)
            for row, answer in zip(rows, found, strict=True):
                answers[row] = answer
    return answers


def _column(field: Field, lines: list[_Line], request: NormalizeRequest) -> Iterable[dict[str, Any]]:
    import pyarrow as pa

    from passerelle.privacy.identifiers import is_hashed, match_key, normalize

    values: pa.StringArray = pa.array([line.value for line in lines], pa.string())
    countries = pa.array([line.country for line in lines], pa.string())
    shown = normalize(field, request.destination, values, countries).value.to_pylist() if request.show else None
    keys = match_key(field, request.destination, values, countries)
    name = "sha256" if is_hashed(field, request.destination) else "value"
    for row, (key, reason) in enumerate(zip(keys.value.to_pylist(), keys.reason.to_pylist(), strict=True)):
        answer: dict[str, Any] = {"field": field.value}
        answer |= {name: key} if key is not None else {"reason": reason or "blank"}
        yield answer | ({"normalized": shown[row]} if shown is not None and key is not None else {})


def _count(result: NormalizeResult, batch: list[_Line], answers: list[dict[str, Any]]) -> None:
    malformed = sum(1 for line in batch if line.problem)
    refused = sum(1 for answer in answers if "reason" in answer) - malformed
    result.lines += len(batch)
    result.malformed += malformed
    result.refused += refused
    result.normalized += len(batch) - malformed - refused


def _explain(reasons: Counter[str]) -> None:
    """Say on stderr what each code of refusal means and how to repair it."""
    from passerelle.privacy.identifiers import REASONS

    for code, count in reasons.most_common():
        _log.info(REASONS[code], extra={"fields": {"kind": code, "count": count}})


def _malformed(broken: list[int], count: int) -> DefinitionError:
    named = ", ".join(str(number) for number in broken[:_LINES_NAMED])
    more = f" and {count - _LINES_NAMED} more" if count > _LINES_NAMED else ""
    return DefinitionError(
        f"Malformed lines: {named}{more}.",
        advice='A line is {"field": "email", "value": "…", "country": "FR"}; the others were answered.',
    )


def _render(result: NormalizeResult, console: "Console") -> None:
    console.print(
        f"{result.lines} lines: {result.normalized} normalised, {result.refused} refused, {result.malformed} malformed."
    )


VERBS: list[AnyVerb] = [
    Verb(
        name="normalize",
        help="Show how identifiers would be normalised and hashed: JSON Lines in, JSON Lines out.",
        request=NormalizeRequest,
        result=NormalizeResult,
        run=_run,
        render=_render,
        streams=True,
    )
]
