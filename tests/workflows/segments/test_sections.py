"""What each section draws of figures, whatever they are."""

from decimal import Decimal

import pyarrow as pa
import pytest

from passerelle.segmentation import Course, InForce, ThresholdValue
from passerelle.segmentation.figures import Condition
from passerelle.segmentation.measurement.outcomes import Measured, Outcome
from passerelle.segmentation.measurement.statistics import Asked, Mean, Share, two_means, two_shares
from passerelle.segmentation.rules import Sort, ValueType
from passerelle.workflows.experiments.groups import Groups
from passerelle.workflows.experiments.readout import Compared, Readout
from passerelle.workflows.segments.sections import conditions, consent, holdout, size, thresholds
from passerelle.workflows.segments.sections.consent import Reached
from passerelle.workflows.segments.sections.holdout import Held
from tests.segmentation.world import DAY, T
from tests.workflows.segments.page import Seen


def texts(markup: str) -> str:
    return " | ".join(text for each in Seen(markup).texts.values() for text in each)


def reached(allowed: int, *, found: int = 1000, sampled: int | None = None, held: int = 0, **withheld: int) -> Reached:
    some = min(allowed, 500) if sampled is None else sampled
    return Reached("spring", "meta", "ad_list_matching", found, held, allowed, withheld, some, some // 2)


@pytest.mark.parametrize(
    ("each", "said", "unsaid"),
    [
        (
            reached(600, withdrawn=300, under_age=100),
            "and will find fewer; had everybody agreed, it could look for about 450 people instead of about 300.",
            "Fewer than",
        ),
        (reached(995, withdrawn=5), "All but fewer than 10 may be sent.", "995"),
        (reached(1000), "Everybody may be sent.", "Why not"),
        (reached(4, withdrawn=996), "Fewer than 10 of 1,000 may be sent. So few", "996"),
        (reached(0, withdrawn=1000), "0 of 1,000 may be sent.", "about"),
        (reached(5, found=9, withdrawn=4), "Fewer than 10 people: nothing is told of them.", "withdrawn"),
        (reached(800, held=100, expired=97, refused=3), "without the holdout", "97"),
    ],
)
def test_consent_is_told_and_never_of_few(each: Reached, said: str, unsaid: str) -> None:
    page = texts(consent.draw([each]))
    assert said in page
    assert unsaid not in page


def test_reasons_are_in_words_and_small_ones_together() -> None:
    page = texts(consent.draw([reached(500, withdrawn=480, refused=14, expired=6)]))
    assert "the consent was withdrawn | 480 | other reasons | 20" in page
    assert "expired" not in page


def test_where_the_policy_allows_nothing_the_page_says_so() -> None:
    assert "lets nobody be sent" in texts(consent.draw([]))


def test_each_condition_is_told_with_who_is_left() -> None:
    shown = [Condition("is <b>", 400, 300), Condition("did buy", 30, 4), Condition("did leave", 9, 0, exclude=True)]
    page = conditions.draw(conditions.Narrowed(5000, shown))
    assert "<b>is" not in page
    assert "is <b>" in texts(page)
    assert "fewer than 10" in texts(page)
    assert "but not: did leave" in texts(page)
    assert ">4<" not in page
    assert ">9<" not in page


def course(past: int, *, group: str = "", kept: bool = False, kind: str = "quantile") -> Course:
    values = tuple(ThresholdValue("rich", group, T - day * DAY, Decimal(100 + day), "d") for day in range(past, 0, -1))
    now = InForce("rich", group, kind, Decimal(90), "0.90", Decimal(101), "1.01", kept, Decimal(90), "d", people=50)
    return Course(now, ValueType(Sort.MONEY), values)


def test_thresholds_are_told_with_their_course() -> None:
    drawn = thresholds.draw(thresholds.Gone([course(3), course(2, group="or", kept=True)], 2, T))
    assert drawn.count("<svg") == 1
    page = texts(drawn)
    assert "0.90 (kept: it jumped)" in page
    assert "2 groups of fewer than 10 people are not shown." in page
    assert "no course yet" not in page


def test_a_threshold_that_no_run_computed_has_no_course_yet() -> None:
    drawn = thresholds.draw(thresholds.Gone([course(0)], 0, T))
    assert "<svg" not in drawn
    assert "no course yet" in texts(drawn)
    assert "no course yet" not in texts(thresholds.draw(thresholds.Gone([course(0, kind="fixed")], 0, T)))


def over(*sizes: int, came: int = 12, went: int = 3) -> size.Over:
    return size.Over([size.Moved(T + day * DAY, each, came, went, f"v{day // 2}") for day, each in enumerate(sizes)])


def test_size_is_drawn_run_by_run_and_hollow_where_the_definition_changed() -> None:
    drawn = size.draw_size(over(40, 44, 46, 9, 50))
    points = drawn.split("<circle")[1:]
    assert len(points) == 4
    assert ['fill="#ffffff"' in point for point in points] == [False, False, True, True]
    assert ">9<" not in drawn
    assert "It never had" in texts(size.draw_size(over(9, 3)))


def test_who_came_and_went_is_drawn_and_few_are_not() -> None:
    drawn = size.draw_moves(over(40, 50))
    heights = [part.split('height="')[1].split('"')[0] for part in drawn.split("<rect")[1:3]]
    assert heights == ["150", "0"]
    assert "Nobody came or went" in texts(size.draw_moves(over(40)))
    assert "Nobody came or went" in texts(size.draw_moves(over(40, 40, came=0, went=0)))


def outcome(did: int, people: int, euros: int) -> Outcome:
    return Outcome(Share(did, people), euros * 100, Mean(euros / people, 400.0, people))


def compared(sent: Outcome, out: Outcome, even: float = 0.4) -> Held:
    found = Measured("spent", ValueType(Sort.MONEY), {"sent": sent, "held_out": out}, {})
    difference = two_means(sent.mean, out.mean, Asked()), two_shares(sent.share, out.share, Asked())
    rows = pa.table({"arm": ["sent"] * sent.share.people + ["held_out"] * out.share.people})
    groups = Groups(rows, ("sent", "held_out"), T - 60 * DAY, 0, 0)
    return Held("spring", Readout(groups, groups, T, even, [Compared(found, difference[1], difference[0], 0.0)], []))


def test_a_comparison_is_told_with_its_intervals() -> None:
    page = texts(holdout.draw([compared(outcome(90, 900, 9_000), outcome(10, 200, 1_000))]))
    assert "900 people who were sent, beside 200 who were held out: drawn since 2026-09-21" in page
    assert "spent, people who did it | 10.00% | 5.00% | 0.026" in page
    assert "spent, of all | 9000.00 | 1000.00" in page
    assert "+100.0% (" in page
    assert "believe no difference" not in page


def test_groups_that_do_not_fit_their_draw_are_told_and_nothing_done_has_no_lift() -> None:
    page = texts(holdout.draw([compared(outcome(90, 900, 9_000), outcome(0, 800, 0), even=1e-9)]))
    assert "believe no difference" in page
    assert "%)" not in page
    assert "crosses the line" not in page


def test_an_audience_of_which_nothing_can_be_told_yet_says_so() -> None:
    groups = Groups(pa.table({"arm": ["sent"] * 9}), ("sent", "held_out"), T, 0, 0)
    page = texts(holdout.draw([Held("new", None), Held("small", Readout(groups, groups, T, None, [], ["spent"]))]))
    assert "Nobody was held out of it yet." in page
    assert "since 2026-11-20 to tell" in page
    assert "9" not in page.replace("2026-11-20", "")
