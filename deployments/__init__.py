"""How the system is installed, commanded and supervised."""
