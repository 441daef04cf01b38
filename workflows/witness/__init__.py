"""Others' words on the log: a witness's machine, which has no workspace, and what a workspace asks of others."""
