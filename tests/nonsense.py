"""Messages to a playground that make little sense, for the tests of its session and server."""

import random

from plainnet.playground import choices
from plainnet.playground.messages import FIELDS

SMALL = "points=40&layers=5-tanh-bn,4-relu-drop0.2&batch_size=8"
WORDS = [
    *FIELDS, *choices.DATA, *choices.CHANGEABLE, "do", "link", "change", "step", "steps", "index",
    "tensor", "value", "layer", "start", "end", "0.dense.W", "0.dense", "layers", "changes", "edit",
    "\ud800", "\0", "é" * 300, "__class__", "' OR 1=1", "../../etc/passwd", "{0.__class__}", "%s%n",
]  # fmt: skip
NUMBERS = [0, 1, -1, 2, 7, 2**31, 2**63, 10**400, -(10**30), 0.5, -0.0, 1e-320, 1e308, 1e999,
           -1e999, float("nan")]  # fmt: skip


class Nonsense:
    """Random messages, the same for the same seed."""

    def __init__(self, seed):
        self.random = random.Random(seed)

    def value(self, depth=3):
        draw = self.random
        kind = draw.randrange(9 if depth else 6)
        if kind == 0:
            return draw.choice([None, True, False])
        if kind <= 2:
            return draw.choice(NUMBERS) if draw.random() < 0.5 else draw.uniform(-100, 100)
        if kind <= 5:
            return draw.choice(WORDS)
        inner = [self.value(depth - 1) for _ in range(draw.randrange(4))]
        return inner if kind <= 6 else {draw.choice(WORDS): each for each in inner}

    def link(self):
        """A valid one, or what is left of it."""
        draw = self.random
        parts = [SMALL, "learning_rate=0.03", "schedule=cosine", "step=25", "optimizer=sgd",
                 "changes=3:0.dense.W(1,1)=0.5;9:learning_rate=0.1;12:0.dense(2-3)", "l2=0.1",
                 "data=circle", "data=table", "loss=hinge", "test_share=0", "epochs=1"]  # fmt: skip
        text = "&".join(draw.sample(parts, draw.randrange(1, 5)))
        if draw.random() < 0.5:
            at = draw.randrange(len(text))
            text = (
                text[:at] + draw.choice(["", "=", "&", "%", "(", ",,", "9", "-"]) + text[at + 1 :]
            )
        return text

    def command(self):
        """A command that could be obeyed."""
        draw = self.random
        return draw.choice([
            {"do": "hello", "link": self.link()},
            {"do": "settings", "change": {"learning_rate": draw.choice([0, 0.01, 1, 1000])}},
            {"do": "settings", "change": {"optimizer": draw.choice(list(choices.OPTIMIZERS)),
                                          "batch_size": draw.choice([1, 8, 2000])}},
            {"do": "settings", "change": {draw.choice(list(choices.LIMITS)): draw.choice(NUMBERS)}},
            {"do": "settings", "change": {"layers": [{"units": draw.randrange(1, 9)}] * 2}},
            {"do": "begin"}, {"do": "play"}, {"do": "pause"},
            {"do": "drawn", "number": draw.randrange(1, 99)},
            {"do": "advance", "steps": draw.randrange(1, 9)},
            {"do": "advance", "epochs": draw.randrange(1, 9)},
            {"do": "advance"},
            {"do": "speed", "steps": draw.randrange(1, 30)},
            {"do": "show", "step": draw.randrange(0, 99)},
            {"do": "edit", "tensor": "0.dense.W", "index": [draw.randrange(9), draw.randrange(3)],
             "value": draw.choice([0, 1e6, 1e30, -3.5])},
            {"do": "move", "layer": "0.dense", "start": draw.randrange(9),
             "end": draw.randrange(9)},
        ])  # fmt: skip

    def plausible(self):
        """Any command, with fields that its checks let through where chance finds some."""
        draw = self.random
        name = draw.choice(list(FIELDS))
        message = {"do": name}
        for field, check in FIELDS[name].items():
            made = [
                draw.randrange(30),
                draw.uniform(-2, 2),
                draw.choice(WORDS),
                self.link(),
                [draw.randrange(4), draw.randrange(4)],
                *(self.value() for _ in range(5)),
            ]
            fitting = [each for each in made if check(each)]
            if fitting and (field[-1] != "?" or draw.random() < 0.5):
                message[field.removesuffix("?")] = draw.choice(fitting)
        return message

    def mutated(self):
        """A command with something wrong in it."""
        draw, message = self.random, self.command()
        for _ in range(draw.randrange(1, 3)):
            name = draw.choice(list(message))
            kind = draw.randrange(4)
            if kind == 0:
                del message[name]
                if not message:
                    break
            elif kind == 1:
                message[draw.choice(WORDS)] = self.value()
            else:
                message[name] = self.value()
        return message

    def deep(self):
        inner = self.value(0)
        for _ in range(self.random.choice([50, 900, 5000])):
            inner = [inner] if self.random.random() < 0.5 else {"do": inner}
        return {"do": "settings", "change": inner}

    def buffers(self):
        draw = self.random
        return [draw.randbytes(draw.choice([0, 1, 3, 4, 1000])) for _ in range(draw.randrange(3))]

    def message(self):
        """The content and buffers of a message."""
        makers = [self.value, self.mutated, self.command, self.plausible]
        kind = self.random.choices(makers, [4, 5, 1, 1])[0]
        content = self.deep() if self.random.random() < 0.002 else kind()
        return content, self.buffers() if self.random.random() < 0.2 else []
