"""K-means and main directions of people who are too many for one machine, by MLlib, on a Spark."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from passerelle.segmentation.clusters.fit import fit
from passerelle.segmentation.clusters.measures import agreement
from passerelle.segmentation.clusters.model import ClusterModel
from passerelle.segmentation.clusters.people import groups_of, looking
from passerelle.segmentation.learning.sample import Labels
from tests.segmentation.clusters.scene import ClusterWorld, in_world
from tests.segmentation.engines.servers import spark_connect, spark_here
from tests.segmentation.world import T

pytestmark = [pytest.mark.spark, pytest.mark.timeout(1_200)]

ASKED: dict[str, Any] = {"groups": 3, "pca": {"keep": 0.85}, "sample": 100}


def fitted(scene: ClusterWorld) -> ClusterModel:
    with looking("kinds", scene.resolver, scene.dataset, as_of=T, history=scene.history) as (looked, everybody):
        return fit(scene.file, looked, None, everybody)


def groups(scene: ClusterWorld, model: ClusterModel) -> Labels:
    using = scene.using(model)
    found = groups_of(["kinds"], using.resolver, using.dataset, as_of=T, history=using.history)["kinds"].rows
    return np.unique(found["group"].to_pylist(), return_inverse=True)[1]


def holds(folder: Path, there: ClusterWorld) -> None:
    here = in_world(folder, **ASKED)
    plain, model = fitted(here), fitted(there)
    assert (model.people, model.left_out) == (plain.people, plain.left_out) == (150, 0)
    assert 60 < model.sampled <= 100
    assert "all 150 people, by MLlib" in model.notes[0]
    assert "pyspark" in model.made_with
    assert model.axes.shares == pytest.approx(plain.axes.shares, abs=0.05)
    assert len(model.groups) == 3
    assert agreement(groups(here, model), groups(here, plain)) > 0.95
    assert fitted(there).points == model.points


def test_mllib_finds_the_groups_of_everybody_and_the_model_is_a_file_like_any_other(tmp_path: Path) -> None:
    holds(tmp_path, in_world(tmp_path, engine=replace(spark_here(tmp_path), learns_above=120), **ASKED))


def test_mllib_learns_behind_spark_connect_too(tmp_path: Path) -> None:
    with spark_connect(tmp_path) as server:
        holds(tmp_path, in_world(tmp_path, engine=replace(server, learns_above=120), **ASKED))


def test_fewer_people_than_the_setting_are_looked_at_here(tmp_path: Path) -> None:
    scene = in_world(tmp_path, engine=replace(spark_here(tmp_path), learns_above=150), **ASKED)
    assert fitted(scene) == fitted(in_world(tmp_path, **ASKED))
