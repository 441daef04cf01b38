"""Spark, as far as it can be seen without one."""

from importlib.util import find_spec

import pytest

from passerelle.privacy.errors import DefinitionError
from passerelle.segmentation.engines.spark import Spark


@pytest.mark.skipif(find_spec("pyspark") is not None, reason="pyspark is installed")
def test_a_spark_that_is_not_installed_says_how_to_install_it() -> None:
    with pytest.raises(DefinitionError) as caught:
        Spark().check()
    assert "passerelle[spark]" in caught.value.advice
