"""LightGBM as a learner (extra `lightgbm`): its trees as numbers, none of its own files."""

from collections.abc import Iterator, Mapping
from typing import Any

from passerelle.privacy.extras import need
from passerelle.segmentation.learning.features import Matrix
from passerelle.segmentation.learning.sample import Labels
from passerelle.segmentation.scores.learners import LEAST_LEAF, Settings, checked
from passerelle.segmentation.scores.predict import LEAF, Tree, Trees

_INSTALL = (
    "Install it: pip install 'passerelle[lightgbm]'. On Linux it wants the system's OpenMP (on Debian: apt-get install "
    "libgomp1). Or take `gradient_boosting`, which learns alike."
)


class LightGbm:
    """Trees, each of which mends what those before left: LightGBM's, which grow where most is gained."""

    simplicity = 3
    packages = ("lightgbm",)
    grid: Mapping[str, tuple[float, ...]] = {"learning_rate": (0.05, 0.1), "leaves": (4, 12), "trees": (80,)}

    def learn(self, rows: Matrix, outcome: Labels, weights: Matrix, settings: Settings, seed: int) -> Trees:
        """See `Learner`. Raises `DefinitionError` where LightGBM is not installed."""
        made = grown(rows, outcome, weights, settings, seed)
        return checked(numbers_of(made), made.predict, rows, by="lightgbm")


def grown(rows: Matrix, outcome: Labels, weights: Matrix, settings: Settings, seed: int) -> Any:  # noqa: ANN401 - its Booster
    """What LightGBM learns on one thread: the same each time."""
    need("lightgbm", "LightGBM", _INSTALL)
    import lightgbm

    asked = {
        "objective": "binary",
        "learning_rate": settings["learning_rate"],
        "num_leaves": int(settings["leaves"]),
        "min_data_in_leaf": LEAST_LEAF,
        "use_missing": False,  # rows have no missing values: where one was, a column of its own says so
        "seed": seed,
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": 1,
        "verbosity": -1,
    }
    learnt = lightgbm.Dataset(rows, label=outcome, weight=weights, params=asked)
    return lightgbm.train(asked, learnt, num_boost_round=int(settings["trees"]))


def numbers_of(made: Any) -> Trees:  # noqa: ANN401 - a Booster
    """A booster's trees: the sum of their leaves is, to the last bit, what it calls its raw score."""
    return Trees(trees=[_tree(each["tree_structure"]) for each in made.dump_model()["tree_info"]])


def _tree(root: Mapping[str, Any]) -> Tree:
    """Nodes in the order of a walk from the root, left before right. A tree that never parts is one leaf."""
    nodes = list(_walk(root))
    place = {id(node): at for at, node in enumerate(nodes)}
    leaf = ["leaf_value" in node for node in nodes]
    return Tree(
        feature=[LEAF if end else int(node["split_feature"]) for node, end in zip(nodes, leaf, strict=True)],
        threshold=[0.0 if end else float(node["threshold"]) for node, end in zip(nodes, leaf, strict=True)],
        left=[0 if end else place[id(node["left_child"])] for node, end in zip(nodes, leaf, strict=True)],
        right=[0 if end else place[id(node["right_child"])] for node, end in zip(nodes, leaf, strict=True)],
        value=[float(node["leaf_value"]) if end else 0.0 for node, end in zip(nodes, leaf, strict=True)],
    )


def _walk(root: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    waiting = [root]
    while waiting:
        node = waiting.pop()
        yield node
        if "leaf_value" not in node:
            waiting += [node["right_child"], node["left_child"]]
