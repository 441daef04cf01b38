"""Pull: from the sources' records to people, consents, and the lake.

    workspace -> each source -> each resource -> each page:
      1. one transaction: people and their identifiers (vault), consent events (log), removals that these cause,
         records that could not be taken (quarantine)
      2. the lake: the page's attributes and events, staged, keyed by surrogate
      3. one transaction: the state after the page
    and when a resource is at its end: the lake is settled, then its state and watermark are kept.

A process may die between any two of these. The next pull then goes on from the last state that was kept: it says the
same things again, which changes nothing, because people are known by their identifiers, statements by their
fingerprints, and the lake's rows by their keys.
"""

from passerelle.workflows.pull.engine import Seams, pull
from passerelle.workflows.pull.report import PullReport, SourceReport

__all__ = ["PullReport", "Seams", "SourceReport", "pull"]
