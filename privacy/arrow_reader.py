"""The program of a process that reads a SQLite file as Arrow, for `privacy.store.columns`.

ADBC's driver brings a SQLite of its own. Two of them in one process undo each other's locks (see `store.beside`), so
this one has a process to itself. One question per line of stdin, as JSON: the file and the statements. The answer on
stdout: a byte, `T`, and one Arrow IPC stream per statement, all of one state of the file; or `E` where it can't be
read, and `X` where a column holds values of more than one type. It ends with its stdin.
"""

import json
import sys
from pathlib import Path
from typing import BinaryIO

TABLES, UNREADABLE, MISTYPED = b"T", b"E", b"X"
_BATCH = "65536"


def answer(line: bytes, out: BinaryIO) -> None:
    """Answer one question."""
    import adbc_driver_sqlite.dbapi as driver
    import pyarrow as pa
    from adbc_driver_manager import Error, OperationalError, ProgrammingError

    asked = json.loads(line)
    try:
        tables = []
        with driver.connect(f"{Path(asked['file']).as_uri()}?mode=ro") as connection, connection.cursor() as cursor:
            cursor.adbc_statement.set_options(**{"adbc.sqlite.query.batch_rows": _BATCH})
            for statement in asked["statements"]:
                cursor.execute(statement)
                tables.append(cursor.fetch_arrow_table())
    except (OperationalError, ProgrammingError):
        out.write(UNREADABLE)
    except (Error, pa.ArrowInvalid, OSError):  # their text quotes values
        out.write(MISTYPED)
    else:
        out.write(TABLES)
        for table in tables:
            with pa.ipc.new_stream(out, table.schema) as stream:
                stream.write_table(table)
    out.flush()


def main() -> None:
    """Answer until nobody asks any more."""
    for line in sys.stdin.buffer:
        answer(line, sys.stdout.buffer)


if __name__ == "__main__":
    main()
