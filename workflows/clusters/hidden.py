"""What the page about a cluster says of hidden states: what each shows, where each leads, how many there should be."""

from collections.abc import Callable, Iterator

from passerelle.segmentation.clusters.model import NONE, ClusterModel
from passerelle.workflows.clusters.pictures import Series, lines
from passerelle.workflows.report.blocks import listed
from passerelle.workflows.report.markup import Markup, tag


def hidden_states(model: ClusterModel, called: Callable[[int], str]) -> Iterator[Markup]:
    """Two tables of shares, and a picture; nothing for models of another kind. States without a group are not told."""
    found = model.hidden
    if found is None:
        return
    told = [(place, called(label)) for place, label in enumerate(model.labels) if label != NONE]
    names = [name for _, name in told]
    shows = [(name, *(_share(each) for each in found.shows[place])) for place, name in told]
    moves = [(name, *(_share(found.moves[place][other]) for other, _ in told)) for place, name in told]
    yield tag(
        "section",
        tag("h2", "What each state shows"),
        tag(
            "p",
            f"States that nobody sees, told from {found.observations:,} steps of the journey {found.journey}:"
            " how likely somebody in each state is to be seen so.",
        ),
        listed(("State", *found.symbols), shows, numbers=len(found.symbols)),
        tag("h2", "Where each state leads"),
        tag(
            "p",
            "How likely somebody is in each state at their next step; what is missing leads to states of too few.",
        ),
        listed(("From", *names), moves, numbers=len(names)),
    )
    if len(found.criterion) > 1:
        numbers = sorted(found.criterion)
        best = min(numbers, key=lambda each: found.criterion[each])
        yield tag(
            "section",
            tag("h2", "How many states"),
            tag(
                "p",
                f"The Bayesian information criterion weighs fit against how much is told: the least is best, {best}.",
            ),
            tag(
                "figure",
                lines(
                    [Series("BIC", [found.criterion[each] - found.criterion[best] for each in numbers])],
                    [str(each) for each in numbers],
                    title="Bayesian information criterion above the least, by number of states",
                    marked=numbers.index(best),
                ),
            ),
        )


def _share(share: float) -> str:
    return f"{100 * share:.0f} %"
