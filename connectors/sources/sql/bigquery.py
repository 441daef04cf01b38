"""BigQuery, by Google's client: one SELECT at a time, its answer as Arrow through the Storage Read API.

A statement's cost is known before it runs, and for free: one that would bill more than is allowed is not run, and
BigQuery itself is told the same limit.
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import IO, Any, Self
from urllib.parse import SplitResult

import pyarrow as pa

from passerelle.connectors.errors import DefinitionError, Refused, TryLater
from passerelle.connectors.sources.sql.server import Column
from passerelle.connectors.sources.sql.statement import column as of_records
from passerelle.connectors.sources.sql.statement import quoted
from passerelle.connectors.sources.sql.warehouse import endpoint, folders, is_here, options
from passerelle.privacy.errors import PasserelleError
from passerelle.privacy.extras import need
from passerelle.privacy.secret_file import read_secret

SCOPE = "https://www.googleapis.com/auth/bigquery"
_PATIENCE = 60.0
_STATEMENT = 600.0
_NATIVE = frozenset({"STRING", "INTEGER", "FLOAT", "BOOLEAN", "DATE", "TIMESTAMP", "DATETIME", "NUMERIC"})
_NESTED = frozenset({"RECORD", "JSON", "REPEATED"})
_IN_SQL = {"INTEGER": "INT64", "FLOAT": "FLOAT64", "BOOLEAN": "BOOL"}
_OF_ARROW = {
    pa.string(): "STRING",
    pa.int64(): "INT64",
    pa.float64(): "FLOAT64",
    pa.bool_(): "BOOL",
    pa.date32(): "DATE",
    pa.timestamp("us", tz="UTC"): "TIMESTAMP",
}
_LATER = frozenset({"quotaExceeded", "rateLimitExceeded", "backendError", "internalError", "tableUnavailable"})
_NOT_LET_IN, _TOO_MANY, _THEIRS = frozenset({401, 403}), 429, 500
_TOO_DEAR = "bytesBilledLimitExceeded"


class BigQuery:
    """A project and a dataset in it. `most`: how many bytes a statement may bill."""

    quote = partial(quoted, mark="`")

    def __init__(self, where: SplitResult, key: Path | None, most: int) -> None:
        place = folders(where)
        if not where.netloc or len(place) > 1:
            raise DefinitionError("An address of BigQuery is bigquery://project/dataset.", path=("url",))
        asked = options(where, {"endpoint", "grpc", "location"})
        other = endpoint(asked.get("endpoint"))
        self._most = most
        self._bytes = 0
        self._client, self._storage = _clients(where.netloc, place, asked, key, none_needed=is_here(other))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self._storage.transport.close()
        self._client.close()

    @property
    def price(self) -> str:
        """What the statements so far read."""
        return f"{self._bytes:,} bytes read by BigQuery; a statement may bill {self._most:,}"

    def columns(self, table: str) -> list[Column]:
        """Names and types; nothing is billed."""
        return [_column(field) for field in self._planned(f"SELECT * FROM {table}", ()).schema or ()]  # noqa: S608

    def tables(self, dataset: str) -> list[str]:
        """The names of a dataset's tables; nothing is billed."""
        with _answering():
            listed = self._client.list_tables(dataset, retry=_tried()["retry"], timeout=_PATIENCE)
            return sorted(one.table_id for one in listed)

    def shown(self, column: Column) -> str:
        """As it is, or as text."""
        name, shown = self.quote(column.name), of_records(column.name, self.quote)
        if column.native:
            return shown
        text = f"TO_JSON_STRING({shown})" if column.type in _NESTED else f"CAST({shown} AS STRING)"
        return f"{text} AS {name}"

    def place(self, _number: int, column: Column) -> str:
        """Text, cast to the column's type."""
        return f"CAST(? AS {_IN_SQL.get(column.type, column.type)})"

    def rows(self, sql: str, parameters: Sequence[str] = ()) -> Iterator[pa.Table]:
        """Columns in Arrow's types, in one stream: several would lose the order."""
        planned = self._planned(sql, parameters)
        self._bytes += affordable(planned.total_bytes_processed or 0, self._most)
        with _answering():
            job = self._client.query(sql, job_config=self._asked(parameters), **_tried())
            job.result(**_tried(_STATEMENT))
            yield from self._answer(job.destination)

    def _answer(self, table: Any) -> Iterator[pa.Table]:  # noqa: ANN401 - an untyped reference
        from google.cloud.bigquery_storage import DataFormat, ReadSession

        session = self._storage.create_read_session(
            parent=f"projects/{self._client.project}",
            read_session=ReadSession(table=table.to_bqstorage(), data_format=DataFormat.ARROW),
            max_stream_count=1,
        )
        schema = pa.ipc.read_schema(pa.py_buffer(session.arrow_schema.serialized_schema))
        yield schema.empty_table()  # an answer without rows has no stream
        for stream in session.streams:
            for message in self._storage.read_rows(stream.name):
                rows = message.arrow_record_batch.serialized_record_batch
                yield pa.Table.from_batches([pa.ipc.read_record_batch(pa.py_buffer(rows), schema)])

    # --- for the engine, which writes into a dataset of its own
    def run(self, sql: str) -> None:
        """Carry out a statement."""
        with _answering():
            self._client.query(sql, job_config=self._asked(()), **_tried()).result(**_tried(_STATEMENT))

    def load(self, table: str, rows: IO[bytes], schema: pa.Schema) -> None:
        """Make a table of a Parquet file by one job; a table of that name that is there stays as it is."""
        from google.api_core.exceptions import Conflict
        from google.cloud.bigquery import LoadJobConfig, SchemaField

        fields = [SchemaField(one.name, _OF_ARROW[one.type]) for one in schema]
        how = LoadJobConfig(source_format="PARQUET", write_disposition="WRITE_EMPTY", schema=fields)
        with _answering(), suppress(Conflict):
            self._client.load_table_from_file(rows, table, job_config=how, timeout=_STATEMENT).result(
                timeout=_STATEMENT
            )

    def expires(self, dataset: str, table: str, at: datetime | None) -> None:
        """Have a table dropped at that time, or kept."""
        with _answering():
            found = self._client.get_table(f"{dataset}.{table}", timeout=_PATIENCE)
            if (found.expires is None) != (at is None):
                found.expires = at
                self._client.update_table(found, ["expires"], timeout=_PATIENCE)

    def _planned(self, sql: str, parameters: Sequence[str]) -> Any:  # noqa: ANN401 - an untyped job
        with _answering():
            return self._client.query(sql, job_config=self._asked(parameters, dry_run=True), **_tried())

    def _asked(self, parameters: Sequence[str], **more: bool) -> Any:  # noqa: ANN401 - an untyped value
        from google.cloud.bigquery import QueryJobConfig, ScalarQueryParameter

        bound = [ScalarQueryParameter(None, "STRING", value) for value in parameters]
        return QueryJobConfig(query_parameters=bound, maximum_bytes_billed=self._most, use_legacy_sql=False, **more)


def affordable(count: int, most: int) -> int:
    """`count` bytes. Raises `Refused` where they are more than `most`."""
    if count > most:
        raise Refused(
            f"The statement would read {count:,} bytes of BigQuery, and {most:,} may be billed.",
            advice="Name fewer columns or a partition in `query:`, or raise `most_billed:`.",
        )
    return count


def _column(field: Any) -> Column:  # noqa: ANN401 - an untyped field
    kind = "REPEATED" if field.mode == "REPEATED" else field.field_type
    return Column(field.name, kind, native=kind in _NATIVE)


def _tried(timeout: float = _PATIENCE) -> dict[str, Any]:
    """How often and how long: the next run tries again, too."""
    from google.cloud.bigquery.retry import DEFAULT_RETRY

    return {"retry": DEFAULT_RETRY.with_timeout(_PATIENCE), "timeout": timeout, "job_retry": None}


def _clients(
    project: str, place: list[str], asked: dict[str, str], key: Path | None, *, none_needed: bool
) -> tuple[Any, Any]:
    """Google's client for statements, and the one for what they answer."""
    bigquery, storage = _installed()
    from google.api_core.client_options import ClientOptions

    login = _login(key, none_needed=none_needed)
    default = bigquery.QueryJobConfig(default_dataset=f"{project}.{place[0]}") if place else None
    client = bigquery.Client(
        project=project,
        credentials=login,
        location=asked.get("location"),
        client_options=ClientOptions(api_endpoint=asked["endpoint"]) if "endpoint" in asked else None,
        default_query_job_config=default,
    )
    if none_needed:
        import grpc
        from google.cloud.bigquery_storage_v1.services.big_query_read.transports import BigQueryReadGrpcTransport

        channel = grpc.insecure_channel(asked.get("grpc", ""))
        return client, storage.BigQueryReadClient(transport=BigQueryReadGrpcTransport(channel=channel))
    other = ClientOptions(api_endpoint=asked["grpc"]) if "grpc" in asked else None
    return client, storage.BigQueryReadClient(credentials=login, client_options=other)


def _installed() -> tuple[Any, Any]:
    for module in ("google.cloud.bigquery", "google.cloud.bigquery_storage"):
        need(module, "BigQuery's client", "pip install 'passerelle[bigquery]'")
    from google.cloud import bigquery, bigquery_storage

    return bigquery, bigquery_storage


def _login(key: Path | None, *, none_needed: bool) -> Any:  # noqa: ANN401 - untyped credentials
    from google.auth import credentials
    from google.oauth2 import service_account

    if key is None and none_needed:
        nobody: Any = credentials.AnonymousCredentials
        return nobody()
    if key is None:
        raise DefinitionError("BigQuery needs a service account's key.", advice="Name its file.", path=("key_file",))
    try:
        account: Any = service_account.Credentials
        return account.from_service_account_info(json.loads(read_secret(key)), scopes=[SCOPE])
    except (ValueError, TypeError, KeyError):
        pass
    raise DefinitionError(
        f"{key.name} is not the key of a service account.", advice="Download it as JSON.", path=("key_file",)
    )


class _answering:  # noqa: N801 - reads as a word in a with statement
    """Google's errors as ours: their messages quote statements and values."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        from concurrent.futures import TimeoutError as NotInTime

        from google.api_core.exceptions import GoogleAPICallError, RetryError
        from google.auth.exceptions import RefreshError, TransportError
        from requests.exceptions import RequestException

        if isinstance(error, GoogleAPICallError):
            raise _translated(error) from None
        if isinstance(error, RefreshError):
            raise Refused("Google does not let this service account in.", advice="Check `key_file`.") from None
        if isinstance(error, RetryError | TransportError | RequestException | NotInTime):
            raise TryLater("BigQuery cannot be reached, or does not answer in time.") from None


def _translated(error: Any) -> PasserelleError:  # noqa: ANN401 - an untyped error
    reasons = {str(one.get("reason", "")) for one in error.errors or () if isinstance(one, dict)}
    code = int(error.code or 0)
    if _TOO_DEAR in reasons:
        return Refused(
            "The statement would bill more than `most_billed` allows.", advice="Name fewer columns, or raise it."
        )
    if reasons & _LATER or code == _TOO_MANY or code >= _THEIRS:
        return TryLater("BigQuery is busy, or its quota is used up.", advice="Run it again later.")
    if code in _NOT_LET_IN:
        return Refused(
            f"BigQuery does not let us in or does not let us read (HTTP {code}).",
            advice="The service account needs the roles BigQuery Job User, Data Viewer and Read Session User.",
        )
    return DefinitionError(
        f"BigQuery cannot carry out the statement (HTTP {code}).", advice="Check `table:` or `query:`, and `location`."
    )
