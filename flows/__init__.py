"""When things run, in what order and with which retries; one flow a file, its steps plain functions of ``tasks``."""
