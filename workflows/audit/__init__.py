"""Questions of an auditor that the workspace's settings answer, beside the store."""
