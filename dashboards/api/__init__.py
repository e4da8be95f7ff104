"""The HTTP interface, one router a subject."""
