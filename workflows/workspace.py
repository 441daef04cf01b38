"""A workspace: a folder of settings, and the rooms opened on it. Everything opens when it is first asked for."""

import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Self

from passerelle.privacy.errors import DefinitionError
from passerelle.workflows.settings.names import PROJECT, QUALITY
from passerelle.workflows.settings.project import Project, StoreUrl

if TYPE_CHECKING:
    from collections.abc import Mapping

    from passerelle.connectors.contract.destination import Destination
    from passerelle.connectors.contract.source import Source
    from passerelle.privacy.consent import ConsentLog, Gate, Notice, Policy
    from passerelle.privacy.identifiers.spellings import Spellings
    from passerelle.privacy.keys import Keyring
    from passerelle.privacy.log import Log
    from passerelle.privacy.store.engine import Store
    from passerelle.privacy.store.watch import Watch
    from passerelle.privacy.subjects import Subjects
    from passerelle.privacy.vault import Vault
    from passerelle.segmentation import ModelFile, SegmentFile
    from passerelle.segmentation.clusters.file import ClusterFile
    from passerelle.segmentation.engines.contract import Engine
    from passerelle.segmentation.quality.file import QualityFile
    from passerelle.segmentation.scores.file import ScoreFile
    from passerelle.workflows.clusters.models import ClusterModels
    from passerelle.workflows.lake import Lake
    from passerelle.workflows.scores.models import ScoreModels
    from passerelle.workflows.settings.audience import Audience
    from passerelle.workflows.settings.loaded import Loaded, Plugged


def nearest(start: Path) -> Path:
    """The workspace around `start`: itself or the nearest folder above that holds a passerelle.yaml, else `start`."""
    start = start.absolute()
    return next((folder for folder in (start, *start.parents) if (folder / PROJECT).is_file()), start)


Clock = Callable[[], int]
"""The time in microseconds UTC."""

_DAY = 86_400_000_000


def _now() -> int:
    return time.time_ns() // 1000


class Workspace:
    """An open workspace. Close it, or use it as a context manager; every method returns the same object each time.

    The store is opened only with the right key, and the log only where it continues its anchored checkpoints: else
    `IntegrityError` is raised, and nothing can be sent.
    """

    def __init__(
        self,
        folder: Path,
        loaded: "Loaded",
        clock: Clock = _now,
        *,
        destinations: "Mapping[str, Destination] | None" = None,
    ) -> None:
        """`destinations` are used instead of making those of passerelle.yaml with their own clock and sleep."""
        self.folder = folder
        self._clock = clock
        self.loaded = loaded
        self._destinations = dict(destinations or {})
        self._sources: dict[str, Source] = {}

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Load the settings in `folder`, strictly. Raises `DefinitionError` that names every file and line at fault.

        Faults of model, segments and audiences are raised by whoever asks for those: withdrawals, removals and audits
        wait for none of them.
        """
        from passerelle.workflows.settings.load import load

        folder = folder.absolute()
        return cls(folder, load(folder))

    def close(self) -> None:
        """Give back what was opened."""
        if "_lake" in self.__dict__:
            self._lake.close()
        if "_store" in self.__dict__:
            self._store.close()
            self._watch.leave(self._store)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        self.close()
        if isinstance(error, DefinitionError) and (located := self.located(error)) is not error:
            raise located from None

    def located(self, error: DefinitionError) -> DefinitionError:
        """`error` with the file and line that its `document` and `path` lead to; itself where they lead nowhere."""
        from passerelle.workflows.settings.problems import from_definition
        from passerelle.workflows.settings.unusable import Unusable

        named = getattr(error, "document", PROJECT if error.path[:1] in {("sources",), ("destinations",)} else "")
        document = self.loaded.documents.get(named)
        if document is None or isinstance(error, Unusable):
            return error
        return Unusable(from_definition(error, document))

    # --- what the files say
    @property
    def settings(self) -> Project:
        """passerelle.yaml."""
        return self.loaded.project

    @property
    def policy(self) -> "Policy":
        """policy.yaml."""
        return self.loaded.policy

    @property
    def notices(self) -> "dict[str, Notice]":
        """notices/*.yaml, by file name without its ending."""
        return self.loaded.notices

    @property
    def model(self) -> "ModelFile":
        """model.yaml. Raises `DefinitionError` where there is none."""
        self._check_rules()
        if self.loaded.model is None:
            raise DefinitionError(
                "There is no model.yaml in this workspace, so segments have nothing to speak of.",
                advice="`passerelle init` in another folder shows a complete one.",
            )
        return self.loaded.model

    @property
    def quality(self) -> "QualityFile | None":
        """quality.yaml; None where there is none."""
        from passerelle.workflows.settings.unusable import Unusable

        wrong = [problem for problem in self.loaded.unready if problem.file == QUALITY]
        if wrong:
            raise Unusable(wrong)
        return self.loaded.quality

    @property
    def spellings(self) -> "Spellings":
        """What quality.yaml says of slips in e-mail domains; nothing where it is wrong, as its check says."""
        from passerelle.privacy.identifiers.spellings import Spellings

        domains = self.loaded.quality.email_domains if self.loaded.quality is not None else {}
        return Spellings(domains if isinstance(domains, dict) else {})

    @property
    def segments(self) -> "dict[str, SegmentFile]":
        """segments/*.yaml, by name."""
        self._check_rules()
        return self.loaded.segments

    @property
    def clusters(self) -> "dict[str, ClusterFile]":
        """clusters/*.yaml, by name."""
        self._check_rules()
        return self.loaded.clusters

    @property
    def scores(self) -> "dict[str, ScoreFile]":
        """scores/*.yaml, by name."""
        self._check_rules()
        return self.loaded.scores

    @property
    def audiences(self) -> "dict[str, Audience]":
        """audiences/*.yaml, by name."""
        self._check_rules()
        return self.loaded.audiences

    @property
    def sources(self) -> "dict[str, Plugged]":
        """The sources' classes and settings, by name."""
        return self.loaded.sources

    @property
    def destinations(self) -> "dict[str, Plugged]":
        """The destinations' classes and settings, by name."""
        return self.loaded.destinations

    def _check_rules(self) -> None:
        """Model, segments and audiences are right, all of them: a plan is never made of half of them."""
        from passerelle.workflows.settings.unusable import Unusable

        if self.loaded.unready:
            raise Unusable(self.loaded.unready)

    # --- places
    def path(self, relative: Path | str) -> Path:
        """A path of the settings: relative ones start at the workspace's folder."""
        return self.folder / relative

    def private_folder(self, relative: Path | str) -> Path:
        """A folder that only this user can enter, made where needed. For everything under var/."""
        folder = self.path(relative)
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        except (FileExistsError, NotADirectoryError):
            raise DefinitionError(
                f"{relative} is no folder, and one is needed there.", advice="Move it away; the folder is made again."
            ) from None
        return folder

    # --- the rooms
    def keys(self) -> "Keyring":
        """The keyring. Raises `IntegrityError` or `DefinitionError` where the key cannot be had."""
        return self._keys

    def store(self) -> "Store":
        """The control store, made and migrated where needed, and bound to the key."""
        return self._store

    def unbound_store(self) -> "Store":
        """The control store, opened without any key: for reading with another key than the workspace's. Close it."""
        from passerelle.privacy.store.engine import Store

        return Store.open(self._store_url(), lock_folder=self.private_folder("var/locks"))

    def log(self) -> "Log":
        """The log."""
        return self._log

    def authorities(self) -> bytes:
        """Root certificates (PEM) of the time stamping authority; empty where none is named."""
        from passerelle.workflows.witness.files import read_text

        stamps = self.settings.timestamps
        return read_text(self.path(stamps.roots_file), "The file of roots").encode() if stamps else b""

    def subjects(self) -> "Subjects":
        """The people."""
        return self._subjects

    def consent_log(self) -> "ConsentLog":
        """Where consent events go in."""
        return self._consent_log

    def gate(self) -> "Gate":
        """The consent gate."""
        return self._gate

    def lake(self) -> "Lake":
        """The pseudonymous tables."""
        return self._lake

    def models(self) -> "ClusterModels":
        """Fitted models of clusters/."""
        from passerelle.workflows.clusters.models import ClusterModels

        return ClusterModels(self.private_folder("var/clusters"))

    def score_models(self) -> "ScoreModels":
        """Fitted models of scores/."""
        from passerelle.workflows.scores.models import ScoreModels

        return ScoreModels(self.private_folder("var/scores"))

    def engine(self) -> "Engine":
        """What computes segments; nothing is opened yet."""
        from passerelle.workflows.computing import engine_of

        return engine_of(self)

    def destination(self, name: str) -> "Destination":
        """The destination called `name` in passerelle.yaml."""
        if name not in self._destinations:
            plugged = _plugged(self.destinations, name, "destination")
            self._destinations[name] = plugged.cls(name, plugged.settings, folder=self.folder)
        return self._destinations[name]

    def source(self, name: str) -> "Source":
        """The source called `name` in passerelle.yaml."""
        if name not in self._sources:
            plugged = _plugged(self.sources, name, "source")
            self._sources[name] = plugged.cls(name, plugged.settings, folder=self.folder)
        return self._sources[name]

    @cached_property
    def _keys(self) -> "Keyring":
        from passerelle.privacy.keys import Keyring, KeySettings

        wanted = self.settings.keys
        file = self.path(wanted.file) if wanted.file is not None else None
        return Keyring.load(KeySettings(file=file, command=tuple(wanted.command) if wanted.command else None))

    @cached_property
    def _store(self) -> "Store":
        from sqlalchemy import select

        from passerelle.privacy.store.engine import Store
        from passerelle.privacy.store.tables import key_generation

        keys = self.keys()
        self.private_folder("var")
        store = Store.open(self._store_url(), lock_folder=self.private_folder("var/locks"))
        with ExitStack() as undo:
            undo.callback(store.close)
            store.seal_with(keys.lasting("store/seal"))
            with store.read() as connection:
                fresh = connection.execute(select(key_generation.c.generation).limit(1)).first() is None
            with store.write() if fresh else store.read() as connection:  # a reader waits for nobody
                keys.bind(connection)
            undo.pop_all()
        store.guard_with(self.check)
        return store

    def check(self) -> None:
        """Make sure that the store is what its last writer left. The first write does this by itself.

        Costs a digest of the database file; a verification of everything where that digest is another one. Raises
        `IntegrityError` where something is wrong.
        """
        self._watch.enter(self.store(), now=self._clock())

    @cached_property
    def _watch(self) -> "Watch":
        from passerelle.privacy.store.watch import Places, Watch

        wanted = self.settings.store
        places = Places(
            left=self.anchor.with_name(self.anchor.name + ".left"),
            lock=self.path("var/locks/store-watch.lock"),
            database=None if isinstance(wanted, StoreUrl) else self.path(wanted),
        )
        every = self.settings.integrity.verify_every_micros
        if every is None and places.database is None:
            every = _DAY
        return Watch(places, self.keys().lasting("store/left"), self._verify, every=every)

    def _verify(self) -> None:
        from passerelle.privacy.errors import IntegrityError

        with self.store().read() as connection:
            found = self.log().verify(connection)
        if not found.ok:
            raise IntegrityError(
                f"The store is not what Passerelle wrote: {found.problems[0]}"
                + (f", and {len(found.problems) - 1} more problems." if len(found.problems) > 1 else "."),
                advice="Send nothing. `passerelle audit verify` names every problem; restore the last good copy.",
            )

    def _store_url(self) -> str:
        wanted = self.settings.store
        if isinstance(wanted, StoreUrl):
            from passerelle.privacy.secret_file import read_secret

            return read_secret(self.path(wanted.url_file))
        path = self.path(wanted)
        self.private_folder(path.parent)
        return f"sqlite:///{path}"

    @property
    def anchor(self) -> Path:
        """The file of the log's signed checkpoints."""
        return self.path(self.settings.anchor)

    def unchecked_log(self, anchor: Path | None) -> "Log":
        """The log, whether or not it continues its anchor: for whoever accepts that it does not."""
        from passerelle.privacy.log import Log

        origin = f"passerelle/{self.settings.name}"
        return Log(self.store(), self.keys(), origin, anchor=anchor, authorities=self.authorities(), vault=self._vault)

    def watch(self) -> "Watch":
        """How the store was left, and who is in."""
        return self._watch

    @cached_property
    def _log(self) -> "Log":
        from passerelle.privacy.errors import IntegrityError

        store, log = self.store(), self.unchecked_log(self.anchor)
        self._watch.check_writes(store)
        try:
            with store.read() as connection:
                log.check_anchor(connection)
        except IntegrityError:  # another run may have anchored a checkpoint after our look at the store began
            with store.read() as connection:
                log.check_anchor(connection)
        return log

    @cached_property
    def _vault(self) -> "Vault":
        from passerelle.privacy.vault import Vault

        return Vault(self.store(), self.keys())

    @cached_property
    def _subjects(self) -> "Subjects":
        from passerelle.privacy.subjects import Subjects

        return Subjects(self.store(), self.keys(), vault_of_people=self._vault, spellings=self.spellings)

    @cached_property
    def _consent_log(self) -> "ConsentLog":
        from passerelle.privacy.consent import ConsentLog

        return ConsentLog(self.store(), self.log(), self.subjects())

    @cached_property
    def _gate(self) -> "Gate":
        from passerelle.privacy.consent import Gate

        return Gate(self.store(), self.log(), self.subjects(), self.policy, self.notices)

    @cached_property
    def _lake(self) -> "Lake":
        from passerelle.workflows.lake import Lake
        from passerelle.workflows.lake.opened import lake_storage

        return Lake(lake_storage(self), checked=self.loaded.checked_tables)


def _plugged(known: "dict[str, Plugged]", name: str, what: str) -> "Plugged":
    from passerelle.workflows.settings.names import did_you_mean, listed

    if name not in known:
        hint = did_you_mean(name, known) or f" Known: {listed(known)}."
        raise DefinitionError(f"There is no such {what} in {PROJECT}.{hint}")
    return known[name]
