"""The parts of the command line, each by itself."""

import errno
import io
import logging
import sys

import pytest

from passerelle.privacy.errors import DefinitionError, TryLater, Wait
from passerelle.workflows.cli.boundary import attempt, frames
from passerelle.workflows.cli.commands import app
from passerelle.workflows.cli.journal import Allowed
from passerelle.workflows.cli.progress import SECONDS_BETWEEN_LINES, Bars, Lines, Silent, progress_for
from passerelle.workflows.cli.requests import request_of
from passerelle.workflows.cli.usage import parse
from passerelle.workflows.settings.unusable import Problem, Unusable
from passerelle.workflows.verbs.contract import EXIT_CODES, Outcome, Result
from passerelle.workflows.verbs.failure import Failure, completed, failure_of
from passerelle.workflows.verbs.registry import verb, verbs
from tests.canary import Canary, leaks

PERSON = Canary.make("parts")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def record(message: str, *, name: str = "passerelle.x", fields: object = None, args: tuple[object, ...] = ()) -> str:
    made = logging.LogRecord(name, logging.WARNING, "file.py", 1, message, args, None)
    if fields is not None:
        made.fields = fields
    return Allowed().format(made)


def test_a_log_line_shows_its_sentence_and_its_named_fields() -> None:
    assert record("sent", fields={"rows": 3, "audience": "lapsing", "seconds": 0.5}) == (
        "warning: sent rows=3 audience=lapsing seconds=0.5"
    )


@pytest.mark.parametrize(
    "fields",
    [
        {"email": "someone"},
        {"rows": PERSON.email},
        {"audience": "a b"},
        {"batch": "9f" * 32},
        {"rows": ["a"]},
        {"rows": None},
    ],
)
def test_a_field_that_is_not_named_or_looks_like_data_is_left_out(fields: dict[str, object]) -> None:
    assert record("sent", fields=fields) == "warning: sent"


def test_arguments_of_a_log_line_are_never_shown() -> None:
    assert leaks([PERSON], record("row %s", args=(PERSON.email,))) == []


def test_a_library_s_words_are_never_shown() -> None:
    shown = record(f"POST https://x/?access_token={PERSON.token}", name="httpx._client")

    assert shown == "warning: a library reports a problem (logger httpx)"


def test_an_exception_in_a_log_line_shows_its_class() -> None:
    try:
        dict[str, int]()[PERSON.email]
    except KeyError:
        made = logging.LogRecord("passerelle.x", logging.ERROR, "f", 1, "failed", (), sys.exc_info())

    assert Allowed().format(made) == "error: failed (KeyError)"


def test_lines_come_only_once_in_a_while() -> None:
    stream, clock = io.StringIO(), iter([0.0, 1.0, SECONDS_BETWEEN_LINES, SECONDS_BETWEEN_LINES, 100.0, 100.0])
    with Lines(stream, lambda: next(clock)).step("Pulling crm", total=10_000) as step:
        step.advance(1_000)
        step.advance(1_000)
        step.advance(1_000)

    assert stream.getvalue() == "Pulling crm: 2,000 of 10,000\nPulling crm: 3,000 of 10,000\n"


def test_bars_stand_on_a_terminal_only() -> None:
    assert isinstance(progress_for(Terminal(), quiet=False), Bars)
    assert isinstance(progress_for(io.StringIO(), quiet=False), Lines)
    assert isinstance(progress_for(Terminal(), quiet=True), Silent)


def test_bars_are_gone_when_their_step_is_done() -> None:
    stream = Terminal()
    bars = Bars(stream)
    with bars.step("Outer", total=2) as outer, bars.step("Inner") as inner:
        inner.advance()
        outer.advance(2)

    with bars.step("Again"):
        pass
    assert "Outer" in stream.getvalue()


def test_every_outcome_has_its_own_exit_code() -> None:
    assert set(EXIT_CODES) == set(Outcome)
    assert len(set(EXIT_CODES.values())) == len(Outcome)


@pytest.mark.parametrize("outcome", list(Outcome))
def test_a_result_is_completed_with_the_code_of_its_outcome(outcome: Outcome) -> None:
    result = completed(Result(outcome=outcome))

    assert result.exit_code == EXIT_CODES[outcome]
    assert result.retryable == (outcome is Outcome.TRY_LATER)


def test_a_failure_carries_every_problem_and_the_wait() -> None:
    wrong = failure_of(Unusable([Problem("b.yaml", 2, "second"), Problem("a.yaml", 9, "first")]))
    assert [(each.file, each.line) for each in wrong.problems] == [("a.yaml", 9), ("b.yaml", 2)]
    assert failure_of(TryLater("Throttled.", wait=Wait(3))).wait_seconds == 3


def test_an_error_of_ours_passes_the_boundary_with_its_words() -> None:
    def work() -> None:
        raise DefinitionError("It is wrong.", advice="Do it right.")

    failure = attempt(work, None)

    assert isinstance(failure, Failure)
    assert (failure.message, failure.advice, failure.exit_code) == ("It is wrong.", "Do it right.", 2)


def test_an_unknown_error_passes_it_without_any() -> None:
    def work() -> None:
        try:
            int(PERSON.phone)
        except ValueError as error:
            raise KeyError(PERSON.email) from error

    failure = attempt(work, None)

    assert isinstance(failure, Failure)
    assert leaks([PERSON], failure.model_dump_json()) == []


def test_frames_name_places_and_classes_and_nothing_else() -> None:
    try:
        try:
            int(PERSON.phone)
        except ValueError as error:
            raise KeyError(PERSON.email) from error
    except KeyError as error:
        lines = frames(error)

    assert [line for line in lines if not line.startswith(" ")] == ["builtins.KeyError", "builtins.ValueError"]
    assert any("test_parts.py:" in line for line in lines)
    assert leaks([PERSON], "\n".join(lines)) == []


def test_an_error_that_causes_itself_has_an_end() -> None:
    error = KeyError("x")
    error.__context__ = ValueError("y")
    error.__context__.__context__ = error

    assert len(frames(error)) == 2


def test_the_first_word_of_several_verbs_alone_is_answered_with_them() -> None:
    with pytest.raises(DefinitionError, match=r"needs a verb: `list`, `preview`, `explain`, "):
        parse(app(verbs()), ["segment"])


def test_a_word_that_is_missing_is_named_once() -> None:
    preview = verb("segment preview")
    assert preview is not None

    with pytest.raises(DefinitionError, match=r": `name` is missing\.$"):
        request_of(preview, {}, None)


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        SystemError("error return without exception set"),
        SystemError("<built-in function len> returned NULL without setting an exception"),
        OSError(errno.ENOMEM, "x"),
    ],
)
def test_a_machine_without_memory_is_worth_another_try(error: Exception) -> None:
    def work() -> None:
        raise error

    failure = attempt(work, None)

    assert isinstance(failure, Failure)
    assert (failure.exit_code, failure.outcome) == (75, Outcome.TRY_LATER)
    assert "memory" in failure.message


@pytest.mark.parametrize(
    ("error", "exit_code", "said"),
    [
        (SystemError("Objects/listobject.c:338: bad argument to internal function"), 1, "SystemError"),
        (SystemError(), 1, "SystemError"),
        (OSError(errno.EIO, "x"), 75, "disk"),
        (OSError(errno.ENOSPC, "x"), 75, "full"),
        (OSError(errno.EACCES, "x"), 1, "may not be written"),
    ],
)
def test_what_else_the_machine_says_is_told_apart(error: Exception, exit_code: int, said: str) -> None:
    def work() -> None:
        raise error

    failure = attempt(work, None)

    assert isinstance(failure, Failure)
    assert failure.exit_code == exit_code
    assert said in failure.message
