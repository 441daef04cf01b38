"""What a way to fill a list must be able to do: `Members` by Data Manager's requests, `Jobs` by those of Google Ads."""

from collections.abc import Iterable
from typing import Protocol

import pyarrow as pa

from passerelle.connectors.contract.destination import (
    AudienceSpec,
    AudienceState,
    Intent,
    NotNow,
    Receipt,
    RemoteAudience,
    Replacement,
)
from passerelle.privacy.vocabulary import Action


class Route(Protocol):
    """One account's lists and their members."""

    def bring(self, remote: RemoteAudience, spec: AudienceSpec, days: int | None) -> None:
        """Bring a list to `spec`, unless it `changes_nothing`; its members stay as long as before where `days` is None.

        Raises `Refused` where the list is not there any more.
        """

    def lists(self) -> Iterable[tuple[str, str, str]]:
        """Id, name and description of every list of the account."""
        ...

    def create_list(self, spec: AudienceSpec, days: int, *, validate_only: bool = False) -> str:
        """Make a list whose members stay for so many days; its id."""
        ...

    def rehearse(self, remote: RemoteAudience) -> None:
        """Send what changes nothing; raise what Google would raise."""

    def told(self, remote: RemoteAudience, state: AudienceState) -> AudienceState:
        """The state of a list, with what only this route knows of it."""
        ...

    def push(self, remote: RemoteAudience, action: Action, people: pa.Array, rows: pa.Table, intent: Intent) -> Receipt:
        """Send rows, at least one, of these subjects (int64)."""
        ...

    def settle(self, pending: Receipt) -> Receipt:
        """Ask how a push of this route stands."""
        ...

    def begin_replace(self, remote: RemoteAudience, total: int, now: int) -> Replacement | NotNow:
        """Whether a replacement by `total` people may begin at `now` (µs)."""
        ...
