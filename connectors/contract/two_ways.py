"""What resources that are read in one way at first, and in another later, have in common."""

from abc import ABC, abstractmethod
from typing import ClassVar

from passerelle.connectors.contract.records import Shape
from passerelle.connectors.contract.rest import RestResource


class TwoWays(ABC):
    """A resource that says of itself what the `later` of its ways says."""

    by_job: ClassVar[bool] = False

    @property
    @abstractmethod
    def later(self) -> RestResource:
        """How it is read once it was read to its end."""

    @property
    def name(self) -> str:
        """Its name at the source."""
        return self.later.name

    @property
    def shape(self) -> Shape:
        """What its records are."""
        return self.later.shape

    @property
    def quota(self) -> str:
        """The source's limit that it counts against."""
        return self.later.quota

    @property
    def timezone(self) -> str | None:
        """Of its times that say none."""
        return self.later.timezone
