"""Writes a new workspace: settings that run, a key, private folders, and JSON Schemas for editors."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from passerelle.privacy.errors import DefinitionError
from passerelle.workflows.settings import schemas

TEMPLATES = Path(__file__).parent
PRIVATE = ("keys", "secrets", "var", "data")

# What the twins accept in place of a token. Real ones are never written by us.
_PLACEHOLDERS = {"secrets/meta.token": "TWIN-TOKEN-OPENS-NOTHING-ELSE\n"}

_SCHEMAS = {
    "notices": "notice",
    "segments": "segment",
    "clusters": "cluster",
    "scores": "score",
    "audiences": "audience",
    "model.yaml": "model",
    "quality.yaml": "quality",
}
_SCHEMAS |= {"policy.yaml": "policy", "passerelle.yaml": "project"}


@dataclass(frozen=True, slots=True)
class Scaffolded:
    """What was written: paths relative to the workspace, sorted."""

    files: tuple[str, ...]


def scaffold(folder: Path, *, empty: bool = False) -> Scaffolded:
    """Write a workspace into `folder`, which must not hold anything yet; `empty` leaves the French shop out.

    Raises `DefinitionError` where `folder` is not empty. The sample data itself is `workflows.demo.shop`'s work.
    """
    from passerelle.privacy.keys import Keyring

    _refuse_occupied(folder)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    for name in PRIVATE:
        (folder / name).mkdir(mode=0o700)
    written = [_copy(folder, target, template) for target, template in sorted(_templates(empty=empty).items())]
    written += [_write(folder / name, text, 0o600) for name, text in _PLACEHOLDERS.items() if not empty]
    schemas.write(folder / ".schemas")
    Keyring.create(folder / "keys" / "master.key")
    names = [path.relative_to(folder).as_posix() for path in written]
    return Scaffolded(tuple(sorted([*names, ".schemas/", "keys/master.key"])))


def _refuse_occupied(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise DefinitionError("This is a file, not a folder.", advice="Name a folder that does not exist yet.")
    if folder.is_dir() and any(folder.iterdir()):
        raise DefinitionError("This folder is not empty.", advice="Name a new folder; nothing is ever overwritten.")


def _templates(*, empty: bool) -> dict[str, Path]:
    """Where each template goes."""
    found = {_target(path.relative_to(TEMPLATES)): path for path in _yaml(TEMPLATES) if "empty" not in path.parts}
    if empty:
        found = {target: path for target, path in found.items() if _shared(target)}
        found |= {path.name: path for path in _yaml(TEMPLATES / "empty")}
    return found


def _yaml(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file() and path.suffix in {".yaml", ".txt", ""})


def _target(relative: Path) -> str:
    return ".gitignore" if relative.name == "gitignore" else relative.as_posix()


def _shared(target: str) -> bool:
    """Whether a template also belongs into an empty workspace."""
    return not target.startswith(("segments/", "audiences/")) and target not in {"model.yaml", "quality.yaml"}


def _copy(folder: Path, target: str, template: Path) -> Path:
    text = template.read_text(encoding="utf-8")
    if template.suffix == ".yaml":
        kind = _SCHEMAS[target.partition("/")[0]]
        up = "../" * target.count("/")
        text = f"# yaml-language-server: $schema={up}.schemas/{kind}.json\n{text}"
    mode = 0o600 if target.startswith("secrets/") else 0o644
    return _write(folder / target, text, mode)


def _write(path: Path, text: str, mode: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, mode)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
    return path
