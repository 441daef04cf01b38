"""A Tryton (an ERP with a REST API): run by the interpreter that `tests/sdk/install.py servers` made, as a program.

python tryton.py make FOLDER KEY COUNT      a database of so many people, and a key of its REST API
python tryton.py change FOLDER              merges 2 into 1, takes 3 out of use, renames 4, adds one more
python tryton.py serve FOLDER PORT
"""

import logging
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

NAME = "shop"


def make(folder: str, key: str, count: str) -> None:
    """With Tryton's own installer."""
    from trytond.admin import run
    from trytond.commandline import get_parser_admin

    secret = Path(folder, "password")
    secret.write_text("correct-horse-battery", encoding="utf-8")
    os.environ["TRYTONPASSFILE"] = str(secret)
    Path(folder, f"{NAME}.sqlite").touch()
    words = ["-d", NAME, "-u", "party", "--activate-dependencies", "--email", "erp@example.org"]
    run(get_parser_admin().parse_args(words))
    with _inside() as pool:
        pool.get("res.user.application").create([{"user": 1, "application": "rest", "key": key}])
        pool.get("party.party").create([_person(number) for number in range(1, int(count) + 1)])


def change(_folder: str) -> None:
    """What an ERP's users do all day."""
    with _inside() as pool:
        party = pool.get("party.party")
        people = {one.code: one for one in party.search([])}
        replace = pool.get("party.replace", type="wizard")
        session = replace(replace.create()[0])
        session.ask.source, session.ask.destination = people["C2"], people["C1"]
        session.transition_replace()
        party.write([people["C3"]], {"active": False}, [people["C4"]], {"name": "Renommé"})
        party.create([_person(len(people) + 1)])


def serve(_folder: str, port: str) -> None:
    """Until it is ended."""
    from trytond.pool import Pool
    from trytond.wsgi import app
    from werkzeug.serving import run_simple

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    Pool.start()
    Pool(NAME).init()
    run_simple("127.0.0.1", int(port), app)


def _person(number: int) -> dict[str, Any]:
    email = {"type": "email", "value": f"person.{number}@example.org"}
    return {"name": f"Personne {number}", "code": f"C{number}", "contact_mechanisms": [("create", [email])]}


@contextmanager
def _inside() -> Iterator[Any]:
    from trytond.pool import Pool
    from trytond.transaction import Transaction

    Pool.start()
    pool = Pool(NAME)
    pool.init()
    with Transaction().start(NAME, 1, context={"_skip_warnings": True}) as transaction:
        yield pool
        transaction.commit()


if __name__ == "__main__":
    verb, place, *rest = sys.argv[1:]
    from trytond import config

    config.set("database", "uri", "sqlite://")
    config.set("database", "path", place)
    verbs: dict[str, Callable[..., None]] = {"make": make, "change": change, "serve": serve}
    verbs[verb](place, *rest)
