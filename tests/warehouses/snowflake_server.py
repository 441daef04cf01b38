"""Runs fakesnow's server in its own environment: `snowflake_server.py PORT`, until it is ended.

Two things are made good that it lacks beside Snowflake: a login answers with a master token, and a PUT with the stage's
region and whether files are to be overwritten, as the statement said. The connector 5 needs them.
"""

import gzip
import json
import sys
from typing import Any

import uvicorn
from fakesnow.server import app

MASTER = {"masterToken": "master", "validityInSeconds": 3_600, "masterValidityInSeconds": 14_400, "sessionId": 1}


async def complete(scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401 - ASGI
    """fakesnow, and what it forgets to say."""
    if not scope.get("path", "").endswith(("login-request", "query-request")):
        await app(scope, receive, send)
        return
    asked, began = bytearray(), dict[str, Any]()

    async def heard() -> Any:  # noqa: ANN401 - ASGI
        message = await receive()
        asked.extend(message.get("body", b""))
        return message

    async def completed(message: Any) -> None:  # noqa: ANN401 - ASGI
        if message["type"] == "http.response.start":
            began.update(message)
            return
        answer = json.loads(message["body"])
        if scope["path"].endswith("login-request"):
            answer["data"].update(MASTER)
        elif "stageInfo" in (answer["data"] or {}):
            answer["data"]["stageInfo"]["region"] = "eu-west-3"
            answer["data"]["overwrite"] = "OVERWRITE = TRUE" in _statement(bytes(asked))
        body = json.dumps(answer).encode()
        others = [(name, value) for name, value in began["headers"] if name != b"content-length"]
        await send({**began, "headers": [*others, (b"content-length", str(len(body)).encode())]})
        await send({"type": "http.response.body", "body": body})

    await app(scope, heard, completed)


def _statement(body: bytes) -> str:
    zipped = body[:2] == b"\x1f\x8b"
    return str(json.loads(gzip.decompress(body) if zipped else body)["sqlText"])


if __name__ == "__main__":
    uvicorn.run(complete, host="127.0.0.1", port=int(sys.argv[1]), log_level="critical")
