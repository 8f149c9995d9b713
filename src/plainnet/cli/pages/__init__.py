"""The page of `plainnet train --report`: what was learned, and how well, to read and to print.

document   its parts, and how they look
figures    what matplotlib draws, small charts, and pictures, as parts of a document
network    the network, its training, and what the doctor says
scores     how good the predictions of the test rows are
worst      the test rows that are predicted worst, with their traces
tables, images, files, agents
           the sections of each kind of data, in their order
"""
