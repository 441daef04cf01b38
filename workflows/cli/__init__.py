"""The command line."""

import os

# A plugin of pydantic sees every value that is validated (Logfire's sends them away), and looking for plugins takes
# longer than importing typer. None is wanted where people's data pass.
os.environ["PYDANTIC_DISABLE_PLUGINS"] = "__all__"
