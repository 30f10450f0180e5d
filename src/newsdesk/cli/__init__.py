"""The `newsdesk` command, one file a subcommand."""
