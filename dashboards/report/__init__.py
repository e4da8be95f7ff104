"""The back-test report: one HTML file that needs no server, no network and no other file."""
