"""What a workspace knows of clusters: what was asked for, what was fitted, and whether that may be relied on."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from passerelle.segmentation.clusters.file import ClusterFile
from passerelle.segmentation.clusters.model import ClusterModel
from passerelle.segmentation.language.documents import RequiredModel
from passerelle.segmentation.learning.unfit import Unfit, another


@dataclass(frozen=True, slots=True)
class Clusters:
    """The files of clusters/ by name, and the model in use of each that was fitted."""

    files: Mapping[str, ClusterFile] = field(default_factory=dict)
    models: Mapping[str, ClusterModel] = field(default_factory=dict)


def unfit(
    known: Clusters, name: str, wanted: Collection[str], require: RequiredModel | None, as_of: int
) -> Unfit | None:
    """Why nobody may be chosen by the cluster `name`, of which `wanted` are named; None where all is well."""
    file, model = known.files[name], known.models.get(name)
    again = f"Run `passerelle cluster fit {name}`."
    if model is None:
        return Unfit(f"The cluster `{name}` has not been fitted yet.", again)
    if model.definition != file.digest:
        return Unfit(f"clusters/{name}.yaml asks for something else than what was fitted.", again)
    if (problem := _unstable(model, file, require)) is not None:
        return problem
    if require is not None and (problem := another(model, require, as_of, verb="cluster")) is not None:
        return problem
    there = {file.name_of(group.label) for group in model.groups}
    if gone := sorted(set(wanted) - there):
        return Unfit(
            f"The model of `{name}` has no group {' and '.join(f'`{each}`' for each in gone)} any more.",
            f"Look at `passerelle cluster show {name}`, and name the group that is meant in clusters/{name}.yaml.",
        )
    return None


def _unstable(model: ClusterModel, file: ClusterFile, require: RequiredModel | None) -> Unfit | None:
    asked = require.min_stability_ari if require is not None else None
    least = max(file.stability.at_least, asked or file.stability.at_least)
    if model.stability >= least:
        return None
    return Unfit(
        f"The groups of `{model.cluster}` are not stable: when chance picks other people, others are found "
        f"(adjusted Rand index {model.stability:.2f}, at least {least:.2f} asked).",
        "Ask for another number of groups or for other traits, and fit it again; "
        f"`passerelle cluster show {model.cluster}` says what speaks for which.",
    )
