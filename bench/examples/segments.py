"""The worked examples of the segment language, and what they rest on, as a workspace's files would say it."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from passerelle.segmentation import Dataset, DatasetTable, ModelFile, SegmentFile
from passerelle.segmentation.clusters.file import ClusterFile
from passerelle.segmentation.clusters.known import Clusters
from passerelle.segmentation.engines.contract import Engine
from passerelle.segmentation.learning.model import Feature
from passerelle.segmentation.scores.file import ScoreFile
from passerelle.segmentation.scores.known import Scores
from passerelle.segmentation.scores.model import Column
from passerelle.segmentation.scores.predict import Linear
from tests.segmentation.clusters import crowd
from tests.segmentation.scores import by_hand

AS_OF = int(datetime(2026, 11, 20, tzinfo=UTC).timestamp()) * 1_000_000
BUYERS: dict[str, Any] = {"trait": "orders_365d", "at_least": 1}
SEEN = ["view", "cart", "purchase"]

MODEL: dict[str, Any] = {
    "tables": {
        "customers": {"from": "crm", "grain": "person"},
        "events": {"from": "shop", "grain": "event", "events": [*SEEN, "complaint"]},
    },
    "traits": {
        "country": {"column": "customers.country"},
        "recency_days": {"recency": "purchase"},
        "orders_365d": {"count": "purchase", "within": "365d"},
        "revenue_365d": {"sum": "purchase.amount", "within": "365d"},
        "interactions_30d": {"count": SEEN, "within": "30d"},
        "mean_gap_days": {"mean_gap": "purchase", "within": "730d"},
    },
    "metrics": {"daily_interactions": {"count": SEEN, "per": "active_person"}},
    "thresholds": {
        "high_value": {"quantile": 0.90, "of": "revenue_365d", "over": BUYERS},
        "base_frequency": {"moving_average": "daily_interactions", "days": 30, "guard": {"max_change": "25%"}},
    },
    "rfm": {"recency": "recency_days", "frequency": "orders_365d", "monetary": "revenue_365d", "over": BUYERS},
}

SEGMENTS: dict[str, dict[str, Any]] = {
    "rfm_champions": {"where": {"all": [{"trait": f"rfm.{part}", "at_least": 4} for part in "rfm"]}},
    "lapsing_high_value": {
        "where": {
            "all": [
                {"trait": "revenue_365d", "at_least": {"threshold": "high_value"}},
                {"trait": "orders_365d", "at_least": 2},
                {"trait": "recency_days", "more_than": {"trait": "mean_gap_days", "times": 1.5}},
            ]
        }
    },
    "cart_abandoners_24h": {
        "where": {
            "sequence": {"within_last": "7d", "steps": [{"event": "cart"}, {"absent": "purchase", "within": "24h"}]}
        }
    },
    "above_base_frequency": {
        "where": {"trait": "interactions_30d", "more_than": {"threshold": "base_frequency", "times": 2}}
    },
    "cluster_loyal_families": {
        "where": {
            "all": [
                {"cluster": "buyers", "in": ["loyal_families"]},
                {
                    "trait": "cluster.buyers.distance",
                    "at_most": {"quantile": 0.95, "of": "cluster.buyers.distance", "by": "cluster.buyers"},
                },
            ]
        },
        "require_model": {"min_stability_ari": 0.7},
    },
    "propensity_top_decile": {
        "where": {"trait": "score.buys_30d", "at_least": {"quantile": 0.90, "of": "score.buys_30d"}},
        "require_model": {"max_age": "7d", "min_auc": 0.70},
    },
    "value_seed": {"where": {"top": {"percent": 5, "by": "revenue_365d"}}},
    "acquisition_exclusion": {
        "where": {
            "any": [
                {"did": "purchase", "within": "90d"},
                {"in_segment": "complaints"},
                {"trait": "country", "not_in": ["FR", "BE"]},
            ]
        }
    },
    "winback_campaign": {
        "where": {"in_segment": "lapsing_high_value"},
        "exclude": [{"in_segment": "cart_abandoners_24h"}, {"in_segment": "do_not_target"}],
        "holdout": {"percent": 10, "salt": "winback-2026Q4"},
        "splits": {"a": 45, "b": 45},
    },
    "complaints": {"where": {"did": "complaint", "within": "180d"}},
    "do_not_target": {"where": {"attribute": "do_not_target", "is": True}},
}
EXAMPLES = tuple(name for name in SEGMENTS if name not in {"complaints", "do_not_target"})

CLUSTER = {
    "cluster": "buyers",
    "population": BUYERS,
    "traits": {name: {"log": True} for name in ("recency_days", "orders_365d", "revenue_365d")},
    "groups": 3,
    "names": {"2": "loyal_families"},
}
CENTRES = [[0.4, -0.7, -0.7], [-1.3, 1.1, 1.0], [0.1, 0.6, 0.7]]
"""Of the groups, in the scaled traits."""
SCALES = {"recency_days": (4.2, 1.1), "orders_365d": (1.1, 0.5), "revenue_365d": (5.1, 0.9)}
"""Of the traits' logarithms (revenue in euros), their mean and spread."""

SCORE = {
    "score": "buys_30d",
    "will": "purchase",
    "within": "30d",
    "population": {"did": "purchase"},
    "features": {"orders_365d": {"log": True}, "revenue_365d": {}, "recency_days": {}},
}
WEIGHTS = {"orders_365d": 0.9, "revenue_365d": 0.2, "recency_days": -0.8}
SCORED = {"orders_365d": (1.1, 0.5), "revenue_365d": (210.0, 190.0), "recency_days": (150.0, 140.0)}


def model() -> ModelFile:
    """model.yaml."""
    return ModelFile.model_validate(MODEL)


def segments() -> dict[str, SegmentFile]:
    """The files of segments/."""
    return {name: SegmentFile.model_validate({"segment": name, **asked}) for name, asked in SEGMENTS.items()}


def dataset(folder: Path, engine: Engine) -> Dataset:
    """The shop in `folder`, on an engine; its models are as if they had been fitted just now."""
    people = {"subject_id": "integer", "country": "string", "do_not_target": "boolean"}
    events = {"subject_id": "integer", "event": "string", "at": "timestamp", "amount": "money"}
    return Dataset(
        {
            "crm": DatasetTable("crm", "person", people, [folder / "people.parquet"]),
            "shop": DatasetTable("shop", "event", events, [folder / "events.parquet"]),
        },
        engine=engine,
        clusters=_clusters(),
        scores=_scores(),
    )


def _clusters() -> Clusters:
    file = ClusterFile.model_validate(CLUSTER)
    features = [Feature(trait=name, log=True, centre=mean, spread=spread) for name, (mean, spread) in SCALES.items()]
    fitted = crowd.by_hand(file, features, CENTRES).model_copy(update={"as_of": AS_OF})
    return Clusters({"buyers": file}, {"buyers": fitted})


def _scores() -> Scores:
    file = ScoreFile.model_validate(SCORE)
    columns = [
        Column(feature=Feature(trait=name, log=name == "orders_365d", centre=mean, spread=spread))
        for name, (mean, spread) in SCORED.items()
    ]
    predictor = Linear(weights=list(WEIGHTS.values()), start=-0.5)
    fitted = by_hand.model(file, columns, predictor).model_copy(update={"as_of": AS_OF})
    return Scores({"buys_30d": file}, {"buys_30d": fitted})
