"""What people do one thing after another, as numbers of a journey's states: by the engine, the same on each."""

import hashlib

import numpy as np
import pyarrow as pa

from passerelle.segmentation.clusters.model import ClusterModel
from passerelle.segmentation.clusters.states import another_journey, described
from passerelle.segmentation.compile import ways
from passerelle.segmentation.compile.walk import Needs
from passerelle.segmentation.dataset import Dataset
from passerelle.segmentation.history import History
from passerelle.segmentation.learning.resolve import Made
from passerelle.segmentation.learning.unfit import Unfit
from passerelle.segmentation.resolve import Resolver
from passerelle.segmentation.running import opened
from passerelle.segmentation.wrong import Place


def sequences_of(
    resolver: Resolver, dataset: Dataset, made: Made, name: str, *, as_of: int, history: History
) -> pa.Table:
    """Everybody of a population, sorted by `subject_id`, and the states of the journey `name` that they were `seen` in.

    Beside the table stand the states' names, and a digest of what model.yaml says of the journey.
    """
    chosen = resolver.reached(made.uses)
    needs = Needs.of(chosen.values())
    if made.population is not None:
        needs.add_rule(made.population)
    journey = resolver.journeys.journey(name, Place(""))
    symbols = [state for state, _ in journey.states]
    with opened(resolver, chosen, needs, dataset=dataset, as_of=as_of, history=history) as run:
        people = run.compiler.people
        if made.population is not None:
            people = people.mutate(wanted=run.compiler.rule(made.population))
            people = people.filter(people.wanted)
        people = people.select("subject_id")
        rows = ways.instants(journey, symbols, run.session.events, run.compiler.as_of, people)
        ids = run.session.fetch(people)["subject_id"].cast(pa.int64()).combine_chunks().to_numpy()
        events = run.session.fetch(rows.select("subject_id", "t", "state"))
    events = events.sort_by([("subject_id", "ascending"), ("t", "ascending")])
    ids = np.sort(ids)
    counts = np.searchsorted(events["subject_id"].to_numpy(), np.append(ids, np.iinfo(np.int64).max))
    offsets = pa.array(counts.astype(np.int32))
    states = events["state"].cast(pa.int16()).combine_chunks()
    table = pa.table({"subject_id": ids, "seen": pa.ListArray.from_arrays(offsets, states)})
    return described(table, symbols, journey_digest(resolver, name))


def journey_digest(resolver: Resolver, name: str) -> str:
    """Of what model.yaml says of a journey now."""
    return hashlib.sha256(resolver.catalogue.model.journeys[name].model_dump_json().encode()).hexdigest()


def strayed(resolver: Resolver, model: ClusterModel) -> Unfit | None:
    """Why a model's hidden states may not be relied on, where their journey is another one by now."""
    hidden = model.hidden
    if hidden is None or journey_digest(resolver, hidden.journey) == hidden.journey_digest:
        return None
    return another_journey(model, hidden)
