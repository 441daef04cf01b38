"""Write docs/online-retail anew: `make example`, or with `DATA=…` where the lines lie elsewhere."""

import sys
import tempfile
from pathlib import Path

from passerelle.connectors.twins.handle import in_process
from tests.worked_example.make import DATA, FOLDER, PAGE, pictures, told, workspace


def main(data: Path) -> None:
    """Run every command of the page, and write what it prints and draws."""
    with tempfile.TemporaryDirectory(prefix="passerelle-example-") as folder, in_process() as twins:
        shop = workspace(Path(folder) / "shop", twins, data=data)
        PAGE.write_text(told(shop, PAGE.read_text()))
        for name, text in pictures(shop).items():
            (FOLDER / name).write_text(text)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else DATA)
