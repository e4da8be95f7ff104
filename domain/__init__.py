"""What trading is: pure, synchronous, without I/O, logging or a clock of its own."""
