"""The declaration: what a host should be, as typed values.

Pydantic models without I/O: no files, no SSH, no pyinfra. `fleet/config` builds them from layered
YAML; gates, operations and deploys read them.
"""
