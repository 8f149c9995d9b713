"""A network in the browser, which learns in front of one's eyes and can be taken apart.

settings.py  choices.py      what the page can set, as JSON and as a link
examples.py  datasets.py  planes.py      the data, and the plane that shows them
building.py                  networks and optimizers from settings
training.py  past.py         one training, through `plainnet.train`, with every step recorded
columns.py  frames.py        what is drawn of a step
session.py  messages.py  commands.py     one page's commands, obeyed in a thread of its own
web.py  wire.py  assets.py   the server, and the page's files
"""
