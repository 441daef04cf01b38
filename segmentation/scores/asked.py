"""What a score is made of, once it is checked: from what it is learnt, of whom, and what counts as the outcome."""

from collections.abc import Mapping
from dataclasses import dataclass

from passerelle.segmentation.learning.resolve import Made
from passerelle.segmentation.rules import Operand


@dataclass(frozen=True, slots=True)
class Asked:
    """A score's parts. Features look back from a moment, the outcome looks back from its end to that moment."""

    made: Made
    """Its traits; of spending, what is looked at of somebody's purchases."""
    outcome: Operand
    """How often it happened, or what it brought, within the score's time."""
    latest: Operand
    """Hours since it last happened."""
    excluded: Mapping[str, str]
    """Features that are of a special category, and of which: nothing is learnt from them."""
    spending: bool
    question: str
    """What is asked, in words."""
