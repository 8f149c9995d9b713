"""ImageClassifier: images as they come.

classifier   the estimator: training, calibration, prediction
recipe       the network and its training, by preset and by the number of images
pixels       images of any size, brought to one size and scale
pictures     one picture, from Pillow or a file, as an array
resizing     images in another size
"""

from plainnet.estimators.images.classifier import ImageClassifier
from plainnet.estimators.images.pixels import Pixels

__all__ = ["ImageClassifier", "Pixels"]
