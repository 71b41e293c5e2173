"""The Discord app: sign-in and linking, the REST client, role reconciliation, messages, slash commands."""
