"""The n8n workflows: built from typed nodes, exported as JSON, checked."""
