"""Which addresses may be one, by a dictionary of e-mail domains that are slips of the pen: `gmial.com`.

What was meant is a guess, and is never taken for an address.
"""

from collections.abc import Mapping
from functools import cached_property
from typing import final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc


@final
class Spellings:
    """A dictionary of slips: leads from a domain that is one to the domain that is meant. Small letters, no chains."""

    def __init__(self, meant: Mapping[str, str] | None = None) -> None:
        self.meant = dict(meant or {})

    def __bool__(self) -> bool:
        return bool(self.meant)

    @cached_property
    def _others(self) -> dict[str, tuple[str, ...]]:
        """For each domain, those that may have been written in its stead."""
        families: dict[str, list[str]] = {}
        for slip, meant in sorted(self.meant.items()):
            families.setdefault(meant, [meant]).append(slip)
        return {
            domain: tuple(other for other in family if other != domain)
            for family in families.values()
            for domain in family
        }

    def corrected(self, addresses: pa.StringArray) -> pa.StringArray:
        """Addresses in canonical form with the domain that is meant; as they are where it is no slip."""
        domain = _domains(addresses)
        slips = pa.array(list(self.meant), pa.string())
        meant = pa.array(list(self.meant.values()), pa.string()).take(pc.index_in(domain, slips))
        joined = pc.binary_join_element_wise(_locals(addresses), meant, "@")
        return pc.coalesce(joined, addresses).cast(pa.string())

    def others(self, addresses: pa.StringArray) -> tuple[npt.NDArray[np.int64], pa.StringArray]:
        """How else each address in canonical form may have been written: whose (places in `addresses`), and what."""
        domain = _domains(addresses)
        named = np.flatnonzero(
            pc.is_in(domain, pa.array(list(self._others), pa.string())).to_numpy(zero_copy_only=False)
        )
        some = pa.array(named)
        locals_, domains = _locals(addresses.take(some)).to_pylist(), domain.take(some).to_pylist()
        place, made = [], []
        for at, local, own in zip(named.tolist(), locals_, domains, strict=True):
            for other in self._others[own]:
                place.append(at)
                made.append(f"{local}@{other}")
        return np.array(place, np.int64), pa.array(made, pa.string())


def _domains(addresses: pa.StringArray) -> pa.StringArray:
    return pc.replace_substring_regex(addresses, r"^.*@", "")


def _locals(addresses: pa.StringArray) -> pa.StringArray:
    return pc.replace_substring_regex(addresses, r"@[^@]*$", "")
