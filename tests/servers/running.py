"""Real servers, each a process of its own: a Vendure in memory, a Tryton on SQLite."""

import json
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

from tests.sdk.install import interpreter
from tests.sdk.stores import served
from tests.servers.vendure_setup import Unavailable, cache_folder, found

HERE = Path(__file__).parent
SECONDS = 600
PATIENCE = 240.0
"""Until a server listens, which takes a minute on a machine that does other things, too."""


@dataclass(slots=True)
class Vendure:
    """A shop, seen by its owner. `token` is of a session that ends, `key` lasts."""

    url: str
    token: str = ""
    key: str = ""

    def ask(self, query: str, **variables: object) -> dict[str, Any]:
        """What the admin API answers."""
        return self._sent(query, variables)[0]

    def log_in(self) -> None:
        """As the shop's owner, who then makes a key for programs."""
        self.token = self._sent(
            'mutation { login(username: "superadmin", password: "superadmin") { __typename } }', {}
        )[1]
        roles = self.ask("{ roles { items { id } } }")["roles"]["items"]
        made = self.ask(
            "mutation ($input: CreateApiKeyInput!) { createApiKey(input: $input) { apiKey } }",
            input={"roleIds": [roles[0]["id"]], "translations": [{"languageCode": "en", "name": "passerelle"}]},
        )
        self.key = made["createApiKey"]["apiKey"]

    def _sent(self, query: str, variables: Mapping[str, object]) -> tuple[dict[str, Any], str]:
        body = json.dumps({"query": query, "variables": variables}).encode()
        head = {"content-type": "application/json", "authorization": f"Bearer {self.token}"}
        with urlopen(Request(f"{self.url}/admin-api", body, head)) as answer:  # noqa: S310 - loopback
            said = json.load(answer)
            assert "errors" not in said, said
            return said["data"], answer.headers.get("vendure-auth-token", "")


@contextmanager
def vendure() -> Iterator[Vendure]:
    """Without a customer. Raises `Unavailable` where it can't be had."""
    folder = found(cache_folder())
    node = shutil.which("node")
    if node is None:
        raise Unavailable("node was not found on PATH")
    with served([node, str(HERE / "vendure.js"), str(folder)], PATIENCE) as url:
        shop = Vendure(url)
        shop.log_in()
        yield shop


@dataclass(frozen=True, slots=True)
class Tryton:
    """An ERP on a database in `folder`."""

    python: Path
    folder: Path

    def run(self, verb: str, *words: str) -> None:
        """One of the verbs of `tryton.py`."""
        subprocess.run([*self._words(verb), *words], check=True, stdout=subprocess.DEVNULL, timeout=SECONDS)

    @contextmanager
    def served(self) -> Iterator[str]:
        """While it answers; gives its address."""
        with served(self._words("serve"), PATIENCE) as url:
            yield url

    def _words(self, verb: str) -> list[str]:
        return [str(self.python), "-W", "ignore", str(HERE / "tryton.py"), verb, str(self.folder)]


def tryton(folder: Path, key: str, people: int) -> Tryton:
    """With so many people, numbered from 1. Raises `Unavailable` of `tests.sdk.install` where it can't be had."""
    made = Tryton(interpreter(name="servers"), folder)
    made.run("make", key, str(people))
    return made
