"""A character Transformer on tinyshakespeare, in the setting of nanoGPT's example for a CPU.

4 layers, 4 heads, width 128, windows of 64 characters, batches of 12, 2,000 steps, no dropout
(nanoGPT's README, "I only have a macbook": loss 1.88). The last tenth of the text validates.

Expected: validation loss 1.79 after 2,000 steps (seed 0: 1.7948; over the whole last tenth of the
text), and a page of text. It takes 3.5 minutes on one core of a Xeon of 2023, and took 17 on a busy
one of a first-generation EPYC.

    python examples/shakespeare.py [--seed 0] [--out shakespeare.txt] [--plot loss.png]
"""

import argparse
import time
from pathlib import Path

import numpy as np

import plainnet
from plainnet import datasets
from plainnet.data import Windows
from plainnet.layers import LayerNorm, LearnedPositions, TiedEmbedding, TransformerBlock
from plainnet.losses import SoftmaxCrossEntropy
from plainnet.optimizers import AdamW
from plainnet.schedules import Cosine

BLOCK, BATCH, STEPS, WIDTH, HEADS, DEPTH = 64, 12, 2000, 128, 4, 4
STEPS_PER_EPOCH = 250


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="write the generated text here too")
    parser.add_argument("--plot", type=Path, help="draw the losses into this file")
    arguments = parser.parse_args()
    seed = arguments.seed

    text = datasets.text("tinyshakespeare")
    letters = sorted(set(text))
    ids = np.array([letters.index(letter) for letter in text])
    cut = int(0.9 * len(ids))
    batches = Windows(ids[:cut], length=BLOCK, batch_size=BATCH, n=STEPS_PER_EPOCH, seed=seed)
    rest = ids[cut:]
    rows = (len(rest) - 1) // BLOCK
    validation = (
        rest[: rows * BLOCK].reshape(rows, BLOCK),
        rest[1 : rows * BLOCK + 1].reshape(rows, BLOCK),
    )

    network = plainnet.Network(
        [
            TiedEmbedding(
                len(letters),
                WIDTH,
                [
                    LearnedPositions(BLOCK),
                    *(TransformerBlock(HEADS, causal=True, bias=False) for _ in range(DEPTH)),
                    LayerNorm(),
                ],
            )
        ],
        loss=SoftmaxCrossEntropy(),
        input_shape=(None,),
        seed=seed,
    )
    print(network.summary())
    start = time.perf_counter()
    history = plainnet.train(
        network,
        batches,
        optimizer=AdamW(1e-3, betas=(0.9, 0.99), weight_decay=0.1),
        epochs=STEPS // STEPS_PER_EPOCH,
        validation_data=validation,
        callbacks=[Cosine(warmup=100, minimum=0.1)],
        clip_norm=1.0,
        seed=seed,
    )
    seconds = time.perf_counter() - start
    loss = network.evaluate(*validation)["loss"]
    print(f"validation loss {loss:.4f} after {STEPS} steps, {seconds:.0f} s of training")

    prompt = np.array([[letters.index("\n")]])
    made = plainnet.generate(network, prompt, 600, temperature=0.8, seed=seed)
    written = "".join(letters[i] for i in made[0])
    print(written)
    if arguments.out is not None:
        arguments.out.write_text(written, encoding="utf-8")
    if arguments.plot is not None:
        history.plot().figure.savefig(arguments.plot)


if __name__ == "__main__":
    main()
