"""Credentials for Google, from a file: a service account's key or an authorised user's refresh token."""

import json
from collections.abc import Callable
from pathlib import Path

from google.auth import exceptions
from google.auth.transport.requests import Request
from google.oauth2 import credentials, service_account

from passerelle.connectors.destinations.google_types import Credentials
from passerelle.connectors.errors import Refused, TryLater
from passerelle.privacy.errors import DefinitionError, PasserelleError
from passerelle.privacy.secret_file import read_secret

SCOPES = ("https://www.googleapis.com/auth/datamanager", "https://www.googleapis.com/auth/adwords")


_service_account: Callable[..., Credentials] = service_account.Credentials.from_service_account_info
_authorised_user: Callable[..., Credentials] = credentials.Credentials.from_authorized_user_info


def load(path: Path) -> Credentials:
    """The credentials in a file. Raises `DefinitionError` that names the file only."""
    text = read_secret(path)
    made, problem = (
        None,
        DefinitionError(
            f"The file {path.name} is not the JSON of a service account or an authorised user.",
            advice="Download the key from the Google Cloud console again.",
        ),
    )
    try:
        info = json.loads(text)
        kind = info.get("type") if isinstance(info, dict) else None
        if kind == "service_account":
            made = _service_account(info, scopes=SCOPES)
        elif kind == "authorized_user":
            made = _authorised_user(info, scopes=list(SCOPES))
    except (ValueError, exceptions.GoogleAuthError):
        made = None
    if made is None:
        raise problem
    return made


def refresh(held: Credentials) -> None:
    """Fetch an access token if there is none that lasts: inside a gRPC call a refusal would look like an outage."""
    if held is None or held.valid:
        return
    problem: PasserelleError | None = None
    try:
        held.refresh(Request())
    except exceptions.TransportError:
        problem = TryLater("Google's sign-in cannot be reached.", advice="Check the network.")
    except exceptions.GoogleAuthError:
        problem = Refused(
            "Google does not accept the credentials any more.",
            advice="Make a new key or sign in again, and put the JSON into the credentials_file.",
        )
    if problem is not None:
        raise problem
