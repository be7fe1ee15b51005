"""The boot sets of a host for a person: what there is, what each is, what prune would do."""
