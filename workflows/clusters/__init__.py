"""Clusters on a workspace: fitted models in var/clusters, how they do from run to run, and the page about them."""
