"""From people's traits to a fitted model: the whole way, the same each time."""

from importlib.metadata import version

import numpy as np
import pyarrow as pa

from passerelle.privacy.errors import HeldBack
from passerelle.segmentation.clusters import choice, methods
from passerelle.segmentation.clusters.alignment import aligned
from passerelle.segmentation.clusters.axes import axes
from passerelle.segmentation.clusters.embedding import embedded
from passerelle.segmentation.clusters.everybody import Everybody
from passerelle.segmentation.clusters.file import COUNTED, ClusterFile, Range
from passerelle.segmentation.clusters.hidden import fit_states
from passerelle.segmentation.clusters.measures import agreement, calinski_harabasz, silhouette, turned
from passerelle.segmentation.clusters.model import (
    NONE,
    Alignment,
    Axes,
    ClusterModel,
    Comparison,
    Criteria,
    Embedding,
    Group,
    Tree,
)
from passerelle.segmentation.clusters.points import Points, points_at, points_of
from passerelle.segmentation.clusters.profile import compared, figures, in_words
from passerelle.segmentation.clusters.stability import Grouped, stability
from passerelle.segmentation.learning.features import Matrix, complete, learned, matrix, unscaled
from passerelle.segmentation.learning.model import short
from passerelle.segmentation.learning.people import Looked
from passerelle.segmentation.learning.sample import Labels, drawn
from passerelle.segmentation.learning.threads import learning

LOOKED_AT = 2_000
"""People by whom numbers of groups are compared, and the silhouette is measured."""

_STABLE = {"kmeans": 5_000, "hierarchical": 2_000, "dbscan": 3_000, "hdbscan": 2_000}
_TREE = 500
_LEAVES = 16
_CURVE = 100
_FIGURES = 20_000
_SOME = 10
_COMPARED_UP_TO = 10
_WITH = ("numpy", "scikit-learn", "scipy")
_KEEP = 0.85
_NOT_ITSELF = 0.9


def fit(
    file: ClusterFile, looked: Looked, previous: ClusterModel | None = None, everybody: Everybody | None = None
) -> ClusterModel:
    """The model that these people give; labels go on from `previous`, if it measures the same features.

    `everybody`: who was not all looked at, and of whom the middles are to be.

    Raises `HeldBack` where the data has no such groups: too few people, all alike, or one group alone. Needs
    scikit-learn.
    """
    with learning():
        if file.journey is not None:
            return fit_states(file, looked, previous)
        return _Fit(file, looked, previous, everybody).run()


def projected(rows: Matrix, found: Axes, *, reduced: bool) -> Matrix:
    """Rows in the space that distances are measured in."""
    return turned(rows, np.array(found.mean), np.array(found.directions)) if reduced else rows


class _Fit:
    def __init__(
        self, file: ClusterFile, looked: Looked, previous: ClusterModel | None, everybody: Everybody | None
    ) -> None:
        self._file, self._looked, self._previous = file, looked, previous
        known = complete(looked.raw, file.traits)
        people = looked.raw if known.all() else looked.raw.filter(pa.array(known))
        self._all = everybody
        self._people = people.num_rows if self._all is None else self._all.people
        self._left_out = int((~known).sum()) if self._all is None else self._all.left_out
        self._enough()
        ids = people["subject_id"].to_numpy()
        self._features = learned(people, file.traits, minimum=file.minimum_group)
        picked = drawn(ids, file.most, file.seed)
        self._raw = people if len(picked) == len(ids) else people.take(pa.array(picked))
        self._ids = ids[picked]
        scaled = matrix(self._raw, self._features)
        self._scaled = scaled
        keep = float(file.pca.keep) if file.pca else _KEEP
        self._axes = axes(scaled, keep) if self._all is None else self._all.axes(self._features, keep)
        self._rows = projected(scaled, self._axes, reduced=file.pca is not None)
        self._settings: dict[str, float] = {}
        self._notes: list[str] = []

    def run(self) -> ClusterModel:
        file = self._file
        shown = self._sample(LOOKED_AT)
        told = self._criteria(shown) if file.method in COUNTED else None
        curve = self._settle(told)
        found, points = self._found() if self._all is None else self._found_in(self._all)
        self._at_least_two(points)
        labels, _ = points.assign(self._rows)
        labels, points, alignment, next_label = self._aligned(points, labels)
        inside = shown[labels[shown] != NONE]
        by_rule = round(agreement(found, labels), 6)
        if by_rule < _NOT_ITSELF:
            self._notes.append(
                f"The groups have shapes that points describe only roughly (agreement {by_rule:.2f}): new people may "
                "come to another group than the method would put them in."
            )
        held = stability(
            self._rows[self._sample(_STABLE[file.method])],
            self._grouped(),
            rounds=file.stability.rounds,
            seed=file.seed,
            with_replacement=file.method in COUNTED,
        )
        return ClusterModel(
            cluster=file.cluster,
            definition=file.digest,
            snapshot=self._looked.snapshot,
            as_of=self._looked.as_of,
            seed=file.seed,
            made_with={name: version(name) for name in (*_WITH, *(["pyspark"] if self._all else []))},
            method=file.method,
            settings=self._settings,
            people=self._people,
            sampled=len(self._rows),
            left_out=self._left_out,
            features=self._features,
            axes=self._axes,
            reduced=file.pca is not None,
            points=points.rows.tolist(),
            labels=points.labels.tolist(),
            reach=points.reach,
            groups=self._groups(labels),
            silhouette=short(silhouette(self._rows[inside], labels[inside])),
            calinski_harabasz=short(calinski_harabasz(self._rows[labels != NONE], labels[labels != NONE])),
            stability=short(held),
            agreement=by_rule,
            criteria=told,
            neighbour_distances=curve,
            comparisons=self._comparisons(labels),
            tree=self._tree(),
            embedding=self._embedding(labels),
            alignment=alignment,
            next_label=next_label,
            minimum_group=file.minimum_group,
            notes=self._notes,
        )

    # --- is there anything to be found?
    def _enough(self) -> None:
        least = max(3 * self._file.minimum_group, 2 * len(self._file.traits))
        if self._people < least:
            out = f" ({self._left_out} more have a missing value)" if self._left_out else ""
            raise HeldBack(
                f"{self._people} people are too few to find groups in{out}: at least {least} are needed.",
                advice="Widen `population`, say what stands for a missing value with `fill`, or pull more data.",
            )

    def _at_least_two(self, points: Points) -> None:
        found = len(set(points.labels.tolist()))
        if found < 2:  # noqa: PLR2004 - one group tells nobody apart
            what = "no group" if not found else "one group alone"
            advice = {
                "dbscan": "Try another `eps` or fewer `neighbours`; `cluster fit` shows where the distances turn.",
                "hdbscan": "Try fewer `neighbours`, or kmeans.",
            }.get(self._file.method, "Ask for fewer groups, or for other traits.")
            raise HeldBack(
                f"{self._file.method} found {what} of at least {self._file.minimum_group} people.", advice=advice
            )

    # --- the method and its settings
    def _sample(self, most: int) -> Labels:
        return drawn(self._ids, most, self._file.seed + 1)

    def _criteria(self, shown: Labels) -> Criteria:
        asked = self._file.groups
        low, high = (asked.from_, asked.to) if isinstance(asked, Range) else (2, max(asked or 2, _COMPARED_UP_TO))
        how = choice.by_kmeans if self._file.method == "kmeans" else choice.by_hierarchy
        return choice.criteria(self._rows[shown], low, high, groupings=how, seed=self._file.seed)

    def _settle(self, told: Criteria | None) -> list[float]:
        """Settings that the data decides; of dbscan, the curve that `eps` was read off."""
        file = self._file
        if told is not None:
            self._settings["groups"] = file.groups if isinstance(file.groups, int) else told.suggested
            few = np.unique(self._rows[self._sample(LOOKED_AT)], axis=0)
            wanted = int(self._settings["groups"])
            different = len(few) if len(few) >= wanted else len(np.unique(self._rows, axis=0))
            if different < wanted:
                raise HeldBack(
                    f"The people have only {different} different sets of values, too few for {wanted} groups.",
                    advice="Ask for fewer groups, or for more traits.",
                )
            return []
        if file.method == "hdbscan":
            self._settings["neighbours"] = file.neighbours or max(file.minimum_group, len(self._rows) // 50)
            return []
        neighbours = file.neighbours or max(_SOME, 2 * self._rows.shape[1])
        distances = methods.neighbour_distances(self._rows, min(neighbours, len(self._rows)))
        curve = distances[np.linspace(0, len(distances) - 1, _CURVE).astype(int)]
        eps = float(file.eps) if file.eps is not None else float(curve[methods.knee(curve)])
        self._settings |= {"neighbours": neighbours, "eps": short(eps or float(curve[-1]) or 1.0)}
        return [short(each) for each in curve]

    def _found(self) -> tuple[Labels, Points]:
        file = self._file
        found = self._grouping()(self._rows, file.seed)
        return found, points_of(self._rows, found, file.method, minimum=file.minimum_group, seed=file.seed)

    def _found_in(self, everybody: Everybody) -> tuple[Labels, Points]:
        """Groups of people who are not here; the sample's labels are by their middles."""
        file, turned_by = self._file, self._axes if self._file.pca is not None else None
        middles = everybody.middles(self._features, turned_by, int(self._settings["groups"]), file.seed)
        points = points_at(middles, minimum=file.minimum_group)
        self._notes.append(
            f"The middles of the groups and the main directions are those of all {self._people} people, by MLlib; "
            f"everything else is measured on {len(self._rows)} of them."
        )
        return points.assign(self._rows)[0], points

    def _grouping(self) -> methods.Grouping:
        settings = self._settings
        match self._file.method:
            case "kmeans":
                return lambda rows, seed: methods.kmeans(rows, int(settings["groups"]), seed)
            case "hierarchical":
                return lambda rows, _: methods.hierarchical(rows, int(settings["groups"]))
            case "dbscan":
                # Of fewer people, fewer are neighbours.
                return lambda rows, _: methods.dbscan(
                    rows, settings["eps"], max(2, round(settings["neighbours"] * min(1, len(rows) / len(self._rows))))
                )
            case _:
                return lambda rows, _: methods.hdbscan(
                    rows, max(5, round(settings["neighbours"] * min(1, len(rows) / len(self._rows))))
                )

    def _grouped(self) -> Grouped:
        own = self._grouping()
        # A draw of a sample has fewer people in each group than the whole.
        least = max(2, round(self._file.minimum_group * min(1, _STABLE[self._file.method] / len(self._rows))))
        return lambda rows, seed: points_of(rows, own(rows, seed), self._file.method, minimum=least, seed=seed)

    # --- labels that stay
    def _aligned(self, points: Points, labels: Labels) -> tuple[Labels, Points, Alignment, int]:
        many = int(points.labels.max())
        before = self._previous
        if before is None or [each.shown for each in before.features] != [each.shown for each in self._features]:
            if before is not None:
                self._notes.append("The model before measured other traits: labels begin anew.")
            first = 1 if before is None else before.next_label
            renamed = {label: label + first - 1 for label in range(1, many + 1)}
            ended = [] if before is None else [group.label for group in before.groups]
            told = Alignment(new=list(renamed.values()), ended=ended) if before is not None else Alignment()
            next_label = first + many
        else:
            renamed, told, next_label = self._from(before, labels)
        if before is not None:
            told = told.model_copy(update={"previous": before.version})
        lead = np.array([NONE, *(renamed[label] for label in range(1, many + 1))])
        reach = {renamed[label]: far for label, far in points.reach.items()}
        return lead[labels], Points(points.rows, lead[points.labels], reach), told, next_label

    def _from(self, before: ClusterModel, labels: Labels) -> tuple[dict[int, int], Alignment, int]:
        from passerelle.segmentation.clusters.assign import assigned

        old_labels = assigned(before, self._raw)[0]
        spread = np.array([each.spread for each in before.features]) / np.array(
            [each.spread for each in self._features]
        )
        shift = [
            (one.centre - other.centre) / other.spread
            for one, other in zip(before.features, self._features, strict=True)
        ]
        middles = {group.label: np.array(group.centre) * spread + np.array(shift) for group in before.groups}
        new = {int(each): self._scaled[labels == each].mean(axis=0) for each in np.unique(labels) if each != NONE}
        return aligned(old_labels, middles, labels, new, before.next_label)

    # --- what is told
    def _groups(self, labels: Labels) -> list[Group]:
        looked = self._sample(200_000)
        values = unscaled(self._raw.take(pa.array(looked)), self._features)
        scaled = self._scaled[looked]
        plane = turned(scaled, np.array(self._axes.mean), np.array(self._axes.directions[:2]))
        middles = [np.median if each.category is None else np.mean for each in self._features]
        everybody = {each.shown: float(middles[i](values[:, i])) for i, each in enumerate(self._features)}
        made = []
        for label in (int(each) for each in np.unique(labels) if each != NONE):
            members = np.flatnonzero(labels[looked] == label)
            found = figures(scaled, values, members, self._features)
            spot = plane[members] if plane.shape[1] > 1 else np.column_stack([plane[members], np.zeros(len(members))])
            wide = np.cov(spot.T) if len(members) > 1 else np.zeros((2, 2))
            made.append(
                Group(
                    label=label,
                    size=int((labels == label).sum()),
                    centre=[short(each) for each in self._scaled[labels == label].mean(axis=0)],
                    figures=found,
                    words=in_words(found, self._features, everybody),
                    middle=(short(float(spot[:, 0].mean())), short(float(spot[:, 1].mean()))),
                    spread=(short(float(wide[0, 0])), short(float(wide[1, 1])), short(float(wide[0, 1]))),
                )
            )
        return made

    def _comparisons(self, labels: Labels) -> list[Comparison]:
        looked = self._sample(_FIGURES)
        looked = looked[labels[looked] != NONE]
        numbers = [index for index, each in enumerate(self._features) if each.category is None]
        values = unscaled(self._raw.take(pa.array(looked)), self._features)[:, numbers]
        return compared(values, labels[looked], [self._features[index].trait for index in numbers])

    def _tree(self) -> Tree:
        from scipy.cluster.hierarchy import dendrogram

        rows = self._rows[self._sample(_TREE)]
        merges = methods.hierarchy(rows)
        drawn_tree = dendrogram(merges, p=_LEAVES, truncate_mode="lastp", no_plot=True, show_leaf_counts=True)
        counts = [int(leaf[1:-1]) if leaf.startswith("(") else 1 for leaf in drawn_tree["ivl"]]
        return Tree(
            across=[[short(each) for each in line] for line in drawn_tree["icoord"]],
            heights=[[short(each) for each in line] for line in drawn_tree["dcoord"]],
            leaves=[count if count >= self._file.minimum_group else 0 for count in counts],
        )

    def _embedding(self, labels: Labels) -> Embedding | None:
        asked = self._file.embedding
        if asked is None:
            return None
        looked, least = self._sample(asked.sample), self._file.minimum_group
        perplexity = float(asked.perplexity)
        return embedded(self._rows[looked], labels[looked], perplexity=perplexity, seed=self._file.seed, minimum=least)
