"""Runs fakesnow's server in its own environment: `snowflake_server.py PORT`, until it is ended.

One thing is made good that it lacks beside Snowflake: a login answers with a master token, which the connector 5 needs.
"""

import json
import sys
from typing import Any

import uvicorn
from fakesnow.server import app

MASTER = {"masterToken": "master", "validityInSeconds": 3_600, "masterValidityInSeconds": 14_400, "sessionId": 1}


async def with_master_token(scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401 - ASGI
    """fakesnow, and what it forgets to say to who logs in."""
    if not scope.get("path", "").endswith("login-request"):
        await app(scope, receive, send)
        return
    began: dict[str, Any] = {}

    async def completed(message: Any) -> None:  # noqa: ANN401 - ASGI
        if message["type"] == "http.response.start":
            began.update(message)
            return
        answer = json.loads(message["body"])
        answer["data"].update(MASTER)
        body = json.dumps(answer).encode()
        others = [(name, value) for name, value in began["headers"] if name != b"content-length"]
        await send({**began, "headers": [*others, (b"content-length", str(len(body)).encode())]})
        await send({"type": "http.response.body", "body": body})

    await app(scope, receive, completed)


if __name__ == "__main__":
    uvicorn.run(with_master_token, host="127.0.0.1", port=int(sys.argv[1]), log_level="critical")
