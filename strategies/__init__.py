"""What we trade on: one strategy a file, its name the file's."""
