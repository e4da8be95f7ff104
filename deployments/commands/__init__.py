"""What each command of ``./pi5`` does; a module is imported when one of its commands runs."""
