"""From people at past moments to a model with its card: the whole way, the same each time."""

from importlib.metadata import version

import numpy as np
import pyarrow as pa

from passerelle.privacy.errors import HeldBack
from passerelle.segmentation.learning.features import Matrix
from passerelle.segmentation.learning.model import short
from passerelle.segmentation.learning.sample import Labels, drawn
from passerelle.segmentation.learning.threads import learning
from passerelle.segmentation.scores import choose, measures
from passerelle.segmentation.scores.apply import expected
from passerelle.segmentation.scores.file import ScoredTrait, ScoreFile
from passerelle.segmentation.scores.learners import Logistic, learner, settings_of
from passerelle.segmentation.scores.model import (
    Baseline,
    Bin,
    Column,
    Compared,
    Importance,
    LeftOut,
    Moment,
    Quality,
    ScoreModel,
)
from passerelle.segmentation.scores.people import Learnable
from passerelle.segmentation.scores.predict import Predictor
from passerelle.segmentation.scores.rows import columns_of, rows_of
from passerelle.segmentation.scores.spending import fit_spending
from passerelle.segmentation.scores.spread import references

LEAST = 20
"""People, at least, who did it, and as many who did not, at each moment."""

TELLTALE = 0.99
"""A column that alone has this AUC knows the outcome."""

_IMPORTANCE, _SHUFFLES = 5_000, 3
_IMBALANCE = {
    "keep": "Rows count as they are, so that probabilities stay true",
    "weigh": "The rarer outcome counted as much as the other while learning; probabilities were set right afterwards",
}


def fit(file: ScoreFile, looked: Learnable) -> ScoreModel:
    """The model of these people. The same inputs give the same bytes.

    Raises `HeldBack` where too few did it or did not, where all are alike, or where a feature knows the outcome. Needs
    scikit-learn.
    """
    with learning():
        return fit_spending(file, looked) if file.kind == "will_spend" else _Fit(file, looked).run()


class _Fit:
    def __init__(self, file: ScoreFile, looked: Learnable) -> None:
        self._file, self._looked = file, looked
        self._enough()
        self._traits: dict[str, ScoredTrait] = {
            name: how for name, how in (file.features or {}).items() if name not in looked.excluded
        }
        if not self._traits:
            raise HeldBack(
                f"Every feature of the score `{file.score}` is of a special category.",
                advice="Learn from what people bought and when, or leave this score out.",
            )
        self._test, *before = looked.cuts
        raw = pa.concat_tables([cut.raw for cut in before])
        self._outcome = np.concatenate([cut.outcome for cut in before]).astype(np.int64)
        moment = np.concatenate([np.full(cut.raw.num_rows, place) for place, cut in enumerate(before, 1)])
        columns = columns_of(raw, self._traits)
        rows = rows_of(raw, columns)
        self._refuse_telltales(rows, columns)
        out = choose.selected(rows, self._outcome, [each.shown for each in columns], file.select)
        self._left_out = [LeftOut(feature=columns[place].shown, reason=out[place]) for place in sorted(out)]
        kept = [place for place in range(len(columns)) if place not in out]
        self._columns = [columns[place] for place in kept]
        self._training = choose.Training(rows[:, kept], self._outcome, moment)

    def _enough(self) -> None:
        for cut in self._looked.cuts:
            yes = int(cut.outcome.sum())
            few = min(yes, len(cut.outcome) - yes)
            if few < LEAST:
                did = "did it" if yes == few else "did not"
                raise HeldBack(
                    f"At one of the {len(self._looked.cuts)} past moments only {few} of {len(cut.outcome)} people "
                    f"{did}, which is too few to learn from: at least {LEAST} are needed.",
                    advice="Widen `population`, ask for a longer or shorter time with `within`, or for fewer `cuts`.",
                )

    def _refuse_telltales(self, rows: Matrix, columns: list[Column]) -> None:
        names = {
            place: each.shown for place, each in enumerate(columns) if not self._traits[each.feature.trait].known_before
        }
        if found := choose.telltale(rows, self._outcome, names, TELLTALE):
            raise HeldBack(
                f"`{found[0]}` alone tells almost surely what becomes of people (AUC at least {TELLTALE}): probably "
                "it is known only afterwards.",
                advice="Take it out of `features`; or, if it really is known beforehand, add `known_before: true`.",
            )

    def run(self) -> ScoreModel:
        file = self._file
        asked = file.learners or {name: {} for name in ("logistic", "gradient_boosting")}
        found = []
        for name, options in asked.items():
            one = learner(name)
            settings = choose.searched(settings_of(one, options, name), file.search, file.seed)
            found.append(choose.tried(name, one, settings, self._training, imbalance=file.imbalance, seed=file.seed))
        best, reason = choose.chosen(found)
        whole = {each.name: self._whole(each) for each in found}
        said = whole[best.name].probability(self._training.rows)
        calibration = choose.calibrated(best.folds, said, float(self._outcome.mean()))
        model = self._model(best, whole[best.name], calibration, reason)
        test = self._test_rows()
        compared = [
            Compared(
                learner=each.name,
                settings=dict(each.settings),
                tried=each.tried,
                fold_auc=short(each.fold_auc),
                auc=short(measures.auc(self._yes, whole[each.name].probability(test))),
                brier=short(measures.brier(self._yes, whole[each.name].probability(test))),
            )
            for each in found
        ]
        return self._with_card(model.model_copy(update={"compared": compared}), best)

    @property
    def _yes(self) -> Labels:
        return self._test.outcome.astype(np.int64)

    def _test_rows(self) -> Matrix:
        return rows_of(self._test.raw, self._columns)

    def _whole(self, best: choose.Tried) -> Predictor:
        everybody = np.arange(len(self._outcome))
        return choose.learnt(
            best.learner, self._training, everybody, best.settings, imbalance=self._file.imbalance, seed=self._file.seed
        )

    def _model(
        self, best: choose.Tried, predictor: Predictor, calibration: tuple[float, float], reason: str
    ) -> ScoreModel:
        file, looked = self._file, self._looked
        share = float(self._outcome.mean())
        used = ("numpy", *best.learner.packages)
        return ScoreModel(
            definition=file.digest,
            snapshot=looked.snapshot,
            as_of=looked.as_of,
            made_with={name: version(name) for name in sorted({*used})},
            score=file.score,
            kind=file.kind,
            question=looked.question,
            horizon=file.within,
            seed=file.seed,
            learner=best.name,
            settings=dict(best.settings),
            columns=self._columns,
            predictor=predictor,
            calibration=(short(calibration[0]), short(calibration[1])),
            cut=0.5,
            moments=[
                Moment(
                    at=cut.at,
                    used="test" if place == 0 else "train",
                    people=cut.raw.num_rows,
                    outcomes=int(cut.outcome.sum()),
                )
                for place, cut in enumerate(looked.cuts)
            ],
            imbalance=f"{100 * share:.1f} % did it. {_IMBALANCE[file.imbalance]}.",
            compared=[],
            reason=reason,
            baselines=[],
            importance=[],
            left_out=[
                *self._left_out,
                *(LeftOut(feature=name, reason=f"a special category: {why}") for name, why in looked.excluded.items()),
            ],
            quality=Quality(auc=0, error=0, calibration_error=0),
            roc=[],
            reliability=[],
            reference=[],
        )

    def _with_card(self, model: ScoreModel, best: choose.Tried) -> ScoreModel:
        yes, found = self._yes, expected(model, self._test.raw)
        slope, start = model.calibration
        past = np.concatenate([each for _, each in best.folds])
        past = choose.recalibrated(past, slope, start)
        cut = measures.best_cut(np.concatenate([each for each, _ in best.folds]), past)
        hits = measures.confusion(yes, found, cut)
        bins = measures.reliability(yes, found)
        quality = Quality(
            auc=short(measures.auc(yes, found)),
            error=short(measures.brier(yes, found)),
            calibration_error=short(measures.calibration_error(bins)),
            precision=short(hits.precision),
            recall=short(hits.recall),
            f1=short(hits.f1),
            confusion=(hits.above_yes, hits.above_no, hits.below_yes, hits.below_no),
        )
        return model.model_copy(
            update={
                "cut": short(cut),
                "quality": quality,
                "baselines": self._baselines(),
                "importance": self._importance(model, quality.auc),
                "roc": [(short(across), short(up)) for across, up in measures.roc(yes, found)],
                "reliability": [
                    Bin(people=each.people, expected=short(each.expected), happened=short(each.happened))
                    for each in bins
                ],
                "reference": references(model, self._test.raw, found),
            }
        )

    def _baselines(self) -> list[Baseline]:
        names = [each.shown for each in self._columns]
        place, direction = choose.strongest(self._training.rows, self._outcome, names)
        rate = float(self._outcome.mean())
        alone = direction * self._test_rows()[:, place]
        same = measures.brier(self._yes, np.full(len(self._yes), rate))
        ones = np.ones(len(self._outcome))
        by_it = Logistic().learn(self._training.rows[:, [place]], self._outcome, ones, {"c": 1.0}, 0)
        error = measures.brier(self._yes, by_it.probability(self._test_rows()[:, [place]]))
        return [
            Baseline(what="everybody the same", auc=0.5, error=short(same)),
            Baseline(what=f"{names[place]} alone", auc=short(measures.auc(self._yes, alone)), error=short(error)),
        ]

    def _importance(self, model: ScoreModel, whole: float) -> list[Importance]:
        ids = self._test.raw["subject_id"].to_numpy()
        some = drawn(ids, _IMPORTANCE, self._file.seed + 1)
        raw, yes = self._test.raw.take(pa.array(some)), self._yes[some]
        before = whole if len(some) == len(ids) else measures.auc(yes, expected(model, raw))
        found = []
        for trait in sorted({each.feature.trait for each in model.columns}):
            drops = []
            for turn in range(_SHUFFLES):
                order = np.random.default_rng([self._file.seed, 4, turn]).permutation(len(some))
                place = raw.column_names.index(trait)
                mixed = raw.set_column(place, trait, raw[trait].take(pa.array(order)))
                drops.append(before - measures.auc(yes, expected(model, mixed)))
            found.append(Importance(trait=trait, auc_drop=round(float(np.mean(drops)), 6)))
        return sorted(found, key=lambda each: (-each.auc_drop, each.trait))
