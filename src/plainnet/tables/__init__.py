"""Tables as people have them, for the command and the playground.

csv_files.py  CSV files: encoding and separator are inferred from the text
targets.py    the column to predict: whether it holds classes or numbers
"""
