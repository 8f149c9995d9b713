"""The page of `plainnet train --report`: what was learned, and how well, to read and to print.

document   the parts of a page, and how they look
figures    matplotlib figures, small charts and pictures, as parts of a document
network    the network, its training, and what the doctor says
scores     how good the predictions on the test rows are
worst      the test rows with the worst predictions, and their traces
tables, images, files, agents
           the sections of each kind of data, in their order
"""
