"""What each command was asked to do: frozen records, every default written once."""
