"""Meta's error answers, as its Graph API words them."""

from dataclasses import dataclass

SERVER_CODES = {1, 2}
SERVER_ERROR, BAD_REQUEST = 500, 400


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back over HTTP. `drop` closes the connection instead; `slow` waits first."""

    status: int
    body: object
    headers: tuple[tuple[str, str], ...] = ()
    content_type: str = "application/json; charset=UTF-8"
    drop: bool = False
    slow: float = 0


class GraphRefusal(Exception):
    """The Graph API answers with an error: a code, perhaps a subcode, a message."""

    def __init__(self, code: int, message: str, subcode: int | None = None, *, transient: bool = False) -> None:
        super().__init__(message)
        self.code = code
        self.subcode = subcode
        self.message = message
        self.transient = transient or code in SERVER_CODES

    def answer(self, trace: str, *, status: int | None = None) -> Answer:
        """The JSON shape that every Graph error has."""
        error: dict[str, object] = {
            "message": self.message,
            "type": "OAuthException",
            "code": self.code,
            "is_transient": self.transient,
            "fbtrace_id": trace,
        }
        if self.subcode is not None:
            error["error_subcode"] = self.subcode
        return Answer(status or (SERVER_ERROR if self.code in SERVER_CODES else BAD_REQUEST), {"error": error})
