"""Where bars come from: files, providers and the replay of stored ones."""
