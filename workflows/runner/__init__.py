"""The narrow runner: a few verbs over HTTP, for a workflow engine that must hold neither keys nor people."""
