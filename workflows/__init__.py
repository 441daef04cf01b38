"""What runs: settings, pull, plan, sync, status, the command line, n8n and the runner."""
