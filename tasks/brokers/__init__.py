"""Brokers: each holds orders and reports what became of them."""
