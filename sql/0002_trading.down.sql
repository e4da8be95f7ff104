DROP TABLE equity;
DROP TABLE commands, positions, fills, orders, journal, runs, writers;
