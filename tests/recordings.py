"""Reads the pages that replay a training."""

import base64
import json
import re
import zlib


def recording_in(page):
    """What the text of a page has recorded."""
    packed = re.search(r'id="recording">(.*?)</script>', page)[1]
    return json.loads(zlib.decompress(base64.b64decode(packed)))
