"""The page about a cluster: its groups in words and pictures. Pure: the same model and runs make the same bytes.

Nothing in it is about one person, and groups that have become too small are not shown.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from importlib.resources import files

from passerelle.segmentation.clusters.file import ClusterFile
from passerelle.segmentation.clusters.model import ClusterModel, Group
from passerelle.workflows.clusters.heaps import Dot, heaps
from passerelle.workflows.clusters.hidden import hidden_states
from passerelle.workflows.clusters.models import Run
from passerelle.workflows.clusters.pictures import COLOURS, Series, Spot, figure, lines, plane, tree
from passerelle.workflows.report.blocks import listed
from passerelle.workflows.report.markup import Child, Markup, joined, page, tag
from passerelle.workflows.report.pictures import Bar, bars

_CSS = (
    "svg .mark { stroke: #9b1c1c; stroke-dasharray: 3 3; } svg .arrow { stroke: #5b6673; stroke-width: 1.5; }"
    "svg .series { font-weight: 600; } table td:first-child { white-space: nowrap; }"
)


def report(file: ClusterFile, model: ClusterModel, runs: Sequence[Run]) -> str:
    """The whole page, as HTML that loads nothing."""
    sections = [each for each in _Page(file, model, runs).sections() if each is not None]
    css = files("passerelle.workflows.report").joinpath("page.css").read_text("utf-8") + _CSS
    return page("en", f"Groups of {file.cluster}", css, joined(sections))


class _Page:
    def __init__(self, file: ClusterFile, model: ClusterModel, runs: Sequence[Run]) -> None:
        self._file, self._model, self._runs = file, model, runs

    def sections(self) -> Iterator[Markup | None]:
        yield self._heading()
        yield self._groups()
        yield self._over_time()
        yield self._how_many()
        yield from hidden_states(self._model, self._called)
        yield self._neighbours()
        yield self._plane()
        yield self._near()
        yield self._tree()
        yield self._tests()
        yield tag("footer", f"Model {self._model.version}. Times are UTC. Nobody is named, and no dot is a person.")

    def _heading(self) -> Markup:
        model = self._model
        stable = model.stability >= float(self._file.stability.at_least)
        facts = (
            ("People", f"{model.people:,}"),
            ("Looked at", f"{model.sampled:,}"),
            ("Left out", f"{model.left_out:,}"),
            ("Groups", f"{len(model.groups)}"),
            ("Stability", f"{model.stability:.2f}"),
            ("Silhouette", f"{model.silhouette:.2f}"),
        )
        said = (
            "The groups are stable: when chance picks other people, the same are found."
            if stable
            else "The groups are not stable: when chance picks other people, others are found."
            " Segments that rest on them are held back."
        )
        return joined(
            [
                tag(
                    "header",
                    tag("h1", f"Groups of {self._file.cluster}"),
                    tag("p", self._file.description) if self._file.description else None,
                    tag("p", f"Found by {model.method} in the people of {_day(model.as_of)}."),
                ),
                tag(
                    "div",
                    *(tag("div", tag("b", value), tag("span", name), class_="card") for name, value in facts),
                    class_="cards",
                ),
                tag("div", tag("p", said), class_="verdict" if stable else "verdict bad"),
                *(tag("p", note) for note in model.notes),
            ]
        )

    # --- the groups
    def _groups(self) -> Markup:
        everybody = sum(group.size for group in self._model.groups)
        rows = [
            Bar(self._name(group), group.size, f"{group.size:,} ({100 * group.size / everybody:.0f} %)", everybody)
            for group in self._model.groups
        ]
        return _section(
            "The groups",
            bars(rows, title="How many people belong to each group"),
            *(self._profile(group, index) for index, group in enumerate(self._model.groups)),
        )

    def _profile(self, group: Group, index: int) -> Markup:
        rows = [
            (each.feature, figure(each.mean), figure(each.median), f"{each.difference:+.2f}") for each in group.figures
        ]
        return joined(
            [
                tag("h3", self._name(group), style=f"color:{COLOURS[index % len(COLOURS)]}"),
                tag("p", group.words),
                listed(("Trait", "Mean", "Median", "Away from everybody, in deviations"), rows, numbers=3)
                if rows
                else "",
            ]
        )

    def _name(self, group: Group) -> str:
        return self._called(group.label)

    def _called(self, label: int) -> str:
        name = self._file.name_of(label)
        return name if name == str(label) else f"{label} {name}"

    # --- from run to run
    def _over_time(self) -> Markup | None:
        runs = self._runs[-60:]
        if not runs:
            return None
        labels = sorted({label for run in runs for label in run.sizes})
        least = self._file.minimum_group
        sizes = [
            Series(self._called(label), [_enough(run.sizes.get(label), least) for run in runs]) for label in labels
        ]
        days = [_day(run.as_of)[:10] for run in runs]
        return _section(
            "From run to run",
            tag("p", f"Groups of fewer than {least} people are not shown."),
            tag("figure", lines(sizes, days, title="Size of each group, from run to run")),
            *(() if self._model.hidden else self._held_together(days, runs)),
        )

    def _held_together(self, days: Sequence[str], runs: Sequence[Run]) -> Iterator[Markup]:
        yield tag("p", "How much nearer people are to their own group than to the next; when it falls, fit again.")
        near = [Series("silhouette", [run.silhouette for run in runs])]
        yield tag("figure", lines(near, days, title="Silhouette, from run to run"))
        yield tag("p", "Calinski-Harabasz: how far groups lie apart, against how far they reach.")
        apart = [Series("Calinski-Harabasz", [run.calinski_harabasz for run in runs])]
        yield tag("figure", lines(apart, days, title="Calinski-Harabasz, from run to run"))

    # --- how many
    def _how_many(self) -> Markup | None:
        told = self._model.criteria
        if told is None:
            return None
        numbers = [str(each) for each in told.groups]
        pictures = (
            ("Elbow: where more groups stop making them tighter", "within", told.within, told.elbow),
            ("Silhouette: the greatest is best", "silhouette", told.silhouette, told.best_silhouette),
            ("Gap statistic: against people without groups", "gap", told.gap, told.best_gap),
        )
        return _section(
            "How many groups",
            tag("p", f"{told.reason} Suggested: {told.suggested}."),
            *(
                joined(
                    [
                        tag("h3", title),
                        tag(
                            "figure",
                            lines([Series(name, values)], numbers, title=title, marked=_place(told.groups, at)),
                        ),
                    ]
                )
                for title, name, values, at in pictures
            ),
        )

    def _neighbours(self) -> Markup | None:
        curve = self._model.neighbour_distances
        if not curve:
            return None
        eps = self._model.settings["eps"]
        near = min(range(len(curve)), key=lambda place: abs(curve[place] - eps))
        title = "Distance to the last neighbour that counts, from person to person"
        places = [f"{place} %" for place in range(len(curve))]
        return _section(
            "Where distances turn",
            tag("p", f"People nearer than {eps:.3g} to each other are neighbours: there the curve turns."),
            tag("figure", lines([Series("distance", curve)], places, title=title, marked=near)),
        )

    # --- directions
    def _plane(self) -> Markup | None:
        model = self._model
        if not model.features:
            return None
        everybody = sum(group.size for group in model.groups)
        spots = [Spot(self._name(g), g.middle, g.spread, g.size / everybody) for g in model.groups]
        second = model.axes.directions[1] if len(model.axes.directions) > 1 else [0.0] * len(model.features)
        arrows = [
            (feature.shown, model.axes.directions[0][index], second[index])
            for index, feature in enumerate(model.features)
        ]
        heads = ("Trait", *(f"{place}: {100 * share:.0f} %" for place, share in enumerate(model.axes.turned_shares, 1)))
        rows = [
            (feature.shown, *(f"{each:+.2f}" for each in row))
            for feature, row in zip(model.features, model.axes.loadings, strict=True)
        ]
        seen = 100 * sum(model.axes.shares[:2])
        return _section(
            "The main directions",
            tag(
                "p",
                f"The two directions in which people differ most; they show {seen:.0f} % of it."
                " Half of a group lies in its shape.",
            ),
            tag("figure", plane(spots, arrows, title="Groups on the plane of the two main directions")),
            tag("p", "What the directions are made of, turned by varimax, with their share of what people differ in:"),
            listed(heads, rows, numbers=len(heads) - 1),
        )

    def _near(self) -> Markup | None:
        found = self._model.embedding
        if found is None or not found.patches:
            return None
        places = {group.label: place for place, group in enumerate(self._model.groups)}
        dots = [Dot(each.at, each.people, places.get(each.label)) for each in found.patches]
        said = (
            f"{found.sample:,} people drawn by t-SNE (perplexity {found.perplexity:g}) so that neighbours stay"
            " neighbours: who lies together is alike."
            f" Each dot is {self._model.minimum_group} people or more, and grey belongs to no group."
            " How far apart heaps lie, and how wide they are, says nothing."
            f" Of what is near here, {100 * found.trust:.0f} % is near among the traits (trustworthiness)."
        )
        names = [self._name(group) for group in self._model.groups]
        return _section(
            "Who is like whom", tag("p", said), tag("figure", heaps(dots, names, title="A sample by t-SNE"))
        )

    def _tree(self) -> Markup | None:
        found = self._model.tree
        if found is None:
            return None
        least = self._model.minimum_group
        leaves = [str(count) if count else f"<{least}" for count in found.leaves]
        return _section(
            "Who would be joined first",
            tag("p", "Ward's hierarchy of a sample: branches that meet high are far apart. Below, how many people."),
            tag("figure", tree(found.across, found.heights, leaves, title="Hierarchy of merges of a sample")),
        )

    # --- tests
    def _tests(self) -> Markup | None:
        if not self._model.comparisons:
            return None
        rows = [
            (
                each.trait,
                f"{each.eta_squared:.2f}",
                _p(each.anova_p),
                _p(each.welch_p),
                _p(each.kruskal_p),
                f"{each.epsilon_squared:.2f}",
            )
            for each in self._model.comparisons
        ]
        heads = ("Trait", "Eta squared", "ANOVA's p", "Welch's p", "Kruskal's p", "Epsilon squared")
        return _section(
            "Where the groups differ",
            tag(
                "p",
                "Groups were made from these traits, so a small p proves nothing:"
                " the effects say where they differ most.",
            ),
            listed(heads, rows, numbers=len(heads) - 1),
        )


def _section(title: str, *inside: Child) -> Markup:
    return tag("section", tag("h2", title), *inside)


def _enough(size: int | None, least: int) -> float | None:
    return None if size is None or size < least else float(size)


def _place(numbers: Sequence[int], wanted: int) -> int | None:
    return list(numbers).index(wanted) if wanted in numbers else None


def _p(value: float | None) -> str:
    return "" if value is None else "<0.001" if value < 0.001 else f"{value:.3f}"  # noqa: PLR2004 - as p is written


def _day(microseconds: int) -> str:
    return datetime.fromtimestamp(microseconds // 1_000_000, UTC).strftime("%Y-%m-%d %H:%M")
