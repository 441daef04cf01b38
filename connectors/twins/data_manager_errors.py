"""Google's error answers: a status with ErrorInfo, BadRequest and RetryInfo, as Data Manager sends them."""

from google.protobuf import any_pb2, duration_pb2
from google.rpc import code_pb2, error_details_pb2, status_pb2

from passerelle.connectors.twins.faults import GrpcError

DOMAIN = "datamanager.googleapis.com"


class Violation(Exception):
    """One request is refused as a whole, because of the fields named."""

    def __init__(self, reason: str, fields: list[tuple[str, str, str]], code: str = "INVALID_ARGUMENT") -> None:
        super().__init__(reason)
        self.reason = reason
        self.code = code
        self.fields = fields
        """Path, description and reason of each."""


def status_of(violation: Violation) -> status_pb2.Status:
    """How Data Manager refuses a call."""
    top = "INVALID_ARGUMENT" if violation.code == "INVALID_ARGUMENT" and violation.fields else violation.reason
    details = [_packed(error_details_pb2.ErrorInfo(reason=top, domain=DOMAIN))]
    if violation.fields:
        bad = error_details_pb2.BadRequest()
        for path, description, reason in violation.fields:
            bad.field_violations.add(field=path, description=description, reason=reason)
        details.append(_packed(bad))
    return _status(violation.code, "There was a problem with the request.", details)


def scripted(fault: GrpcError) -> status_pb2.Status:
    """How a script wants a call to end."""
    details = [_packed(error_details_pb2.ErrorInfo(reason=fault.reason, domain=DOMAIN, metadata=fault.metadata))]
    if fault.field:
        bad = error_details_pb2.BadRequest()
        bad.field_violations.add(field=fault.field, description=fault.message, reason=fault.reason)
        details.append(_packed(bad))
    if fault.retry_seconds is not None:
        delay = duration_pb2.Duration(seconds=fault.retry_seconds)
        details.append(_packed(error_details_pb2.RetryInfo(retry_delay=delay)))
    return _status(fault.code, fault.message, details)


def _packed(message: object) -> any_pb2.Any:
    packed = any_pb2.Any()
    packed.Pack(message)  # type: ignore[arg-type]
    return packed


def _status(code: str, message: str, details: list[any_pb2.Any]) -> status_pb2.Status:
    return status_pb2.Status(code=code_pb2.Code.Value(code), message=message, details=details)
