"""What learns: scikit-learn's four, and whatever else is installed and says so by an entry point.

A learner is a class with the attributes of `Learner`. It gives back numbers in one of the forms of `predict`, never an
object of its own: so a model can be read, compared and applied without what made it, and loading one runs no code.
"""

from collections.abc import Callable, Mapping
from importlib.metadata import entry_points
from itertools import product
from typing import Any, Protocol, TypeVar

import numpy as np

from passerelle.privacy.errors import DefinitionError, PasserelleError
from passerelle.segmentation.language.words import suggestion
from passerelle.segmentation.learning.features import Matrix
from passerelle.segmentation.learning.sample import Labels
from passerelle.segmentation.scores.predict import LEAF, Layer, Layers, Linear, Tree, Trees

GROUP = "passerelle.learners"
DEFAULT = ("logistic", "gradient_boosting")
LEAST_LEAF = 20
"""People in a leaf, at least: no leaf is one person."""

Settings = Mapping[str, float]
Forms = Linear | Trees | Layers
F = TypeVar("F", bound=Forms)
_SAME = 1e-6


class Learner(Protocol):
    """Learns a yes or no from rows without missing values, each scaled to a mean of about 0."""

    simplicity: int
    """Of two that do equally well, the one with the smaller number is taken."""
    packages: tuple[str, ...]
    """Whose versions belong into the model card."""
    grid: Mapping[str, tuple[float, ...]]
    """Settings, and what is tried of each by default."""

    def learn(self, rows: Matrix, outcome: Labels, weights: Matrix, settings: Settings, seed: int) -> Forms:
        """What the rows say. The same inputs give the same numbers, whatever the machine's number of cores."""


class Logistic:
    """Logistic regression; `c`: the greater, the less are weights held back."""

    simplicity = 1
    packages = ("scikit-learn",)
    grid: Mapping[str, tuple[float, ...]] = {"c": (0.01, 0.1, 1.0)}

    def learn(self, rows: Matrix, outcome: Labels, weights: Matrix, settings: Settings, seed: int) -> Linear:
        """See `Learner`."""
        from sklearn.linear_model import LogisticRegression

        made = LogisticRegression(C=settings["c"], max_iter=2_000, tol=1e-8, random_state=seed)
        made.fit(rows, outcome, weights)
        found = Linear(weights=made.coef_[0].tolist(), start=float(made.intercept_[0]))
        return checked(found, _said_by(made), rows, by="scikit-learn")


class GradientBoosting:
    """Trees, each of which mends what those before left (scikit-learn's, over histograms)."""

    simplicity = 3
    packages = ("scikit-learn",)
    grid: Mapping[str, tuple[float, ...]] = {"learning_rate": (0.05, 0.1), "leaves": (4, 12), "trees": (80,)}

    def learn(self, rows: Matrix, outcome: Labels, weights: Matrix, settings: Settings, seed: int) -> Trees:
        """See `Learner`."""
        from sklearn.ensemble import HistGradientBoostingClassifier

        made = HistGradientBoostingClassifier(
            learning_rate=settings["learning_rate"],
            max_leaf_nodes=int(settings["leaves"]),
            max_iter=int(settings["trees"]),
            min_samples_leaf=LEAST_LEAF,
            early_stopping=False,
            random_state=seed,
        )
        made.fit(rows, outcome, weights)
        trees = [_nodes(predictors[0].nodes) for predictors in made._predictors]  # noqa: SLF001 - held to predict_proba
        found = Trees(trees=trees, start=float(made._baseline_prediction[0, 0]))  # noqa: SLF001 - so is this
        return checked(found, _said_by(made), rows, by="scikit-learn")


def _nodes(nodes: Any) -> Tree:  # noqa: ANN401 - an array of scikit-learn's
    leaf = nodes["is_leaf"].astype(bool)
    return Tree(
        feature=np.where(leaf, LEAF, nodes["feature_idx"].astype(np.int64)).tolist(),
        threshold=np.where(leaf, 0.0, nodes["num_threshold"]).tolist(),
        left=nodes["left"].astype(np.int64).tolist(),
        right=nodes["right"].astype(np.int64).tolist(),
        value=nodes["value"].astype(np.float64).tolist(),
    )


class RandomForest:
    """Trees, each grown on other people and other features; their mean."""

    simplicity = 2
    packages = ("scikit-learn",)
    grid: Mapping[str, tuple[float, ...]] = {"depth": (4, 7), "trees": (80,)}

    def learn(self, rows: Matrix, outcome: Labels, weights: Matrix, settings: Settings, seed: int) -> Trees:
        """See `Learner`."""
        from sklearn.ensemble import RandomForestClassifier

        made = RandomForestClassifier(
            n_estimators=int(settings["trees"]),
            max_depth=int(settings["depth"]),
            min_samples_leaf=LEAST_LEAF,
            random_state=seed,
            n_jobs=1,
        )
        made.fit(rows, outcome, weights)
        found = Trees(trees=[_tree(each.tree_) for each in made.estimators_], mean=True, squash=False, single=True)
        return checked(found, _said_by(made), rows, by="scikit-learn")


def _tree(tree: Any) -> Tree:  # noqa: ANN401 - an object of scikit-learn's
    leaf = tree.children_left < 0
    counts = tree.value[:, 0, :]
    return Tree(
        feature=np.where(leaf, LEAF, tree.feature).tolist(),
        threshold=np.where(leaf, 0.0, tree.threshold).tolist(),
        left=np.where(leaf, 0, tree.children_left).tolist(),
        right=np.where(leaf, 0, tree.children_right).tolist(),
        value=(counts[:, 1] / counts.sum(axis=1)).tolist(),
    )


class Network:
    """A network of one hidden layer (an MLP); `alpha`: the greater, the more are weights held back."""

    simplicity = 4
    packages = ("scikit-learn",)
    grid: Mapping[str, tuple[float, ...]] = {"neurons": (8,), "alpha": (0.1, 1.0)}

    def learn(self, rows: Matrix, outcome: Labels, weights: Matrix, settings: Settings, seed: int) -> Layers:
        """See `Learner`."""
        from sklearn.neural_network import MLPClassifier

        made = MLPClassifier(
            hidden_layer_sizes=(int(settings["neurons"]),),
            alpha=settings["alpha"],
            solver="lbfgs",
            max_iter=300,
            random_state=seed,
        )
        made.fit(rows, outcome, weights)
        layers = [
            Layer(weights=each.T.tolist(), start=start.tolist())
            for each, start in zip(made.coefs_, made.intercepts_, strict=True)
        ]
        return checked(Layers(layers=layers), _said_by(made), rows, by="scikit-learn")


def checked(found: F, said: Callable[[Matrix], Any], rows: Matrix, *, by: str) -> F:
    """The same numbers, which say of some rows what `said` does: the probability that their learner sees in each.

    Raises `PasserelleError` where they do not: this version of `by` keeps them in another way than is known.
    """
    some = rows[:2_000]
    if not np.allclose(found.probability(some), said(some), rtol=0, atol=_SAME):
        raise PasserelleError(
            f"What was read out of {by} of this version does not say what it says itself.",
            advice=f"Install the version of {by} that requirements/ names, or take another learner.",
        )
    return found


def _said_by(made: Any) -> Callable[[Matrix], Any]:  # noqa: ANN401 - an object of scikit-learn's
    return lambda rows: made.predict_proba(rows)[:, 1]


def learner(name: str) -> Learner:
    """An installed learner. Raises `DefinitionError` with those that there are."""
    found = {point.name: point for point in entry_points(group=GROUP)}
    if name not in found:
        raise DefinitionError(f"There is no learner `{name}`.", advice=suggestion(name, sorted(found)))
    made: Learner = found[name].load()()
    return made


def settings_of(one: Learner, asked: Mapping[str, list[Any]], name: str) -> list[dict[str, float]]:
    """Every combination of a learner's settings, those of the file in place of the usual ones."""
    for word in asked:
        if word not in one.grid:
            raise DefinitionError(f"The learner `{name}` has no `{word}`.", advice=suggestion(word, sorted(one.grid)))
    tried = {word: [float(each) for each in asked.get(word) or usual] for word, usual in sorted(one.grid.items())}
    return [dict(zip(tried, values, strict=True)) for values in product(*tried.values())]
