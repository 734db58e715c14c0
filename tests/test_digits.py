"""The classifier of handwritten digits: what its data are, and how well it reads the handwriting of others.

The split, and why it is this one, are in book/data/README.md. The sizes of the network, the learning rate, the number
of epochs and how far images are moved were chosen on the training part alone: by the mean accuracy over four groups of
three forms each (the last overlaps the one before by one form), with the network trained on the other eight.
"""

import hashlib
import statistics
from pathlib import Path

import numpy as np

from minigrad import nn, optim

DATA = Path(__file__).parent.parent / "book" / "data" / "digits.csv.gz"
FORMS = [0, 130, 256, 386, 516, 646, 776, 906, 1029, 1157, 1287, 1415, 1545, 1667, 1797]
FIRST_OF_TEST = 1415
SEEDS = range(5)


def load():
    """The images, with numbers from 0 to 1, and the digits."""
    table = np.loadtxt(DATA, delimiter=",", dtype=np.float32)
    return table[:, :64] / 16, table[:, 64].astype(int)


def moved(images, rng, shift=0.75, turn=0.2):
    """Each image shifted, turned, stretched and slanted a little, each in its own way, to stand for other hands.

    Pixel p of the result is what the image has at A p + s, counted from its centre, where A is the identity with up to
    `turn` added to each entry and s is up to `shift` pixels: the mean of the four pixels around it, by their distance.
    """
    n = len(images)
    A = np.eye(2) + rng.uniform(-turn, turn, (n, 2, 2))
    s = rng.uniform(-shift, shift, (n, 1, 1, 2))
    pixels = np.stack(np.meshgrid(np.arange(8.0), np.arange(8.0), indexing="ij"), -1) - 3.5
    framed = np.pad(images.reshape(n, 8, 8), ((0, 0), (1, 1), (1, 1)))
    places = np.clip(np.einsum("nij,rcj->nrci", A, pixels) + s + 4.5, 0, 8.999)
    (row, column), (down, right) = np.moveaxis(places.astype(int), -1, 0), np.moveaxis(places % 1, -1, 0)
    which = np.arange(n)[:, None, None]
    above = framed[which, row, column] * (1 - right) + framed[which, row, column + 1] * right
    below = framed[which, row + 1, column] * (1 - right) + framed[which, row + 1, column + 1] * right
    return (above * (1 - down) + below * down).reshape(n, 64).astype(images.dtype)


def train(images, digits, seed, epochs=250, batch=64, lr=0.002):
    """A network that has learnt to read the images."""
    rng = np.random.default_rng(seed)
    model = nn.MLP([64, 256, 128, 10], rng=rng, dtype=np.float32)
    optimiser = optim.Adam(model.parameters(), lr)
    batches = -(-len(images) // batch)
    for epoch in range(epochs):
        X = moved(images, rng)
        for i, chosen in enumerate(np.array_split(rng.permutation(len(images)), batches)):
            optimiser.lr = lr * (1 - (epoch + i / batches) / epochs)
            optimiser.zero_grad()
            nn.cross_entropy(model(X[chosen]), digits[chosen]).backward()
            optimiser.step()
    return model


def accuracy(model, images, digits):
    return float(np.mean(np.argmax(model(images), axis=-1) == digits))


def test_the_file_is_the_one_its_description_speaks_of():
    described = (DATA.parent / "README.md").read_text(encoding="utf-8")
    assert hashlib.sha256(DATA.read_bytes()).hexdigest() in described
    assert " ".join(map(str, FORMS[:-1])) in described


def test_the_data_are_1797_images_of_numbers_from_0_to_1():
    images, digits = load()
    assert images.shape == (1797, 64) and images.min() == 0 and images.max() == 1
    assert np.bincount(digits).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]


def test_the_split_cuts_no_form_in_two():
    _, digits = load()
    assert FIRST_OF_TEST in FORMS and digits.size == FORMS[-1]
    # On each form the digits go round three times, and then come in an order that begins like this.
    mixed = [i for i in range(digits.size - 7) if digits[i : i + 7].tolist() == [0, 9, 5, 5, 6, 5, 0]]
    assert len(mixed) == len(FORMS) - 1
    for start, end in zip(FORMS, mixed):
        falls = start + np.flatnonzero(np.diff(digits[start:end]) < 0) + 1
        assert falls.size == 2 and 28 <= end - start <= 30
        assert start == 0 or digits[start - 1] > digits[start]


def test_moved_images_are_the_same_images_where_nothing_is_moved():
    images, _ = load()
    np.testing.assert_allclose(moved(images, np.random.default_rng(0), 0, 0), images, atol=1e-6)


def test_images_are_moved_by_whole_pixels_as_by_slicing():
    class Fixed:
        def uniform(self, low, high, size):
            return np.full(size, high)

    image = load()[0][:1]
    expected = np.pad(image.reshape(8, 8)[1:, 1:], ((0, 1), (0, 1)))
    np.testing.assert_allclose(moved(image, Fixed(), 1, 0).reshape(8, 8), expected, atol=0.02)


def test_handwriting_of_others_is_read_with_at_least_97_percent_accuracy():
    images, digits = load()
    found = []
    for seed in SEEDS:
        model = train(images[:FIRST_OF_TEST], digits[:FIRST_OF_TEST], seed)
        found.append(accuracy(model, images[FIRST_OF_TEST:], digits[FIRST_OF_TEST:]))
    print("accuracy:", *(f"{a:.2%}" for a in found))
    assert statistics.median(found) >= 0.97, found
    assert min(found) >= 0.96, found
