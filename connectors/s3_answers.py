"""What a bucket's store answers, as our errors: its messages quote names and answers, and are never passed on."""

from collections.abc import Mapping
from typing import Any, Self

from passerelle.connectors.errors import DefinitionError, Refused, TryLater
from passerelle.privacy.errors import PasserelleError

MISSING = frozenset({"404", "NoSuchKey", "NotFound"})
_CONDITION = frozenset({"PreconditionFailed", "412", "ConditionalRequestConflict", "409"})
_NO_BUCKET = "NoSuchBucket"
_NOT_LET_IN = frozenset({"401", "403", "AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken"})
_THEIRS = 500
_BUSY = frozenset({"SlowDown", "RequestTimeout", "ThrottlingException", "TooManyRequests", "429"})


class Missing(Exception):
    """There is no such object."""


class Unmet(Exception):
    """The condition does not hold."""


class answering:  # noqa: N801 - reads as a word in a with statement
    """Amazon's errors as ours: their messages quote names and answers."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if error is None:
            return
        from boto3.exceptions import Boto3Error
        from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError

        if isinstance(error, ClientError):
            raise _translated(error.response) from None
        if isinstance(error, BotoCoreError | Boto3Error | HTTPClientError):
            raise TryLater("The bucket cannot be reached, or does not answer in time.") from None


def _translated(answer: Mapping[str, Any]) -> PasserelleError | Missing | Unmet:
    code = str(answer.get("Error", {}).get("Code", ""))
    status = int(answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    if code == _NO_BUCKET:
        return DefinitionError("There is no such bucket.", advice="Check its name and `region:`.", path=("path",))
    if code in MISSING:
        return Missing()
    if code in _CONDITION:
        return Unmet()
    if code in _BUSY or status >= _THEIRS:
        return TryLater("The bucket's store is busy or out of order.", advice="Run it again later.")
    if code in _NOT_LET_IN or status in {401, 403}:
        return Refused(
            f"The bucket does not let us do this ({code or status}).",
            advice="Check the key and its rights; docs/lake.md lists those it needs.",
        )
    return DefinitionError(f"The bucket's store cannot do this ({code or status}).", advice="Check `region:`.")
