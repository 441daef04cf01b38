from collections.abc import Iterator

import pytest

from tests.warehouses.servers import running


@pytest.fixture(scope="session")
def bigquery_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of an empty project, without its dataset: `bigquery://shop{}?…`."""
    with running("bqemulator", "bigquery_server.py", tmp_path_factory.mktemp("bigquery"), 2) as (rest, grpc):
        yield f"bigquery://shop{{}}?endpoint=http://127.0.0.1:{rest}&grpc=127.0.0.1:{grpc}"


@pytest.fixture(scope="session")
def snowflake_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of an account without databases: `snowflake://…{}?…`."""
    with running("fakesnow", "snowflake_server.py", tmp_path_factory.mktemp("snowflake"), 1) as (port,):
        yield f"snowflake://somebody@shop{{}}?endpoint=http://127.0.0.1:{port}&warehouse=small"
