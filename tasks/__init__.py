"""The steps of the system as plain functions, and the adapters to what is outside it."""
