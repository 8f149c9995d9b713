"""What is done with arguments before anything is computed.

arrays.py        arrays, dtypes, labels, generators: converted or refused
spelling.py      names that were meant: suggestions for misspelled arguments and methods
config.py        settings that an object keeps, and that rebuild it
installation.py  the command that installs an extra where plainnet is
"""
