"""ImageClassifier: images as they come.

classifier   the estimator: training, calibration, prediction
recipe       the network and its training, by preset and by the number of images
pixels       images of any sizes, in one size and on one scale
pictures     one picture of Pillow, or in a file, as an array
resizing     another size
"""

from plainnet.estimators.images.classifier import ImageClassifier
from plainnet.estimators.images.pixels import Pixels

__all__ = ["ImageClassifier", "Pixels"]
