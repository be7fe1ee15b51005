"""Deploys: the layers of a host, each a readable list of resources."""
