"""scikit-learn and SciPy on one thread: two add in another order, to other last digits."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from passerelle.privacy.extras import need


@contextmanager
def learning() -> Iterator[None]:
    """What scikit-learn computes inside is the same each time. Raises `DefinitionError` where it is not installed."""
    need("sklearn", "scikit-learn", "Install it: pip install 'passerelle[ml]'")
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that rows are equal is looked at beforehand
        yield
