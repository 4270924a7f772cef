"""Pictures as arrays and as files: their types, read, written, listed, paired, shown."""
