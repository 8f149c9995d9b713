"""Help texts of the commands."""

HELP = """Train neural networks on tables, images and texts, and predict with them.

\b
Examples:
  plainnet train digits
  plainnet train flowers.csv --target species
  plainnet predict flowers-model.skops new.csv
"""

TRAIN_HELP = """Learn to predict a column of a table from the others, and save the model.

Texts, dates, booleans and missing values need no preparation. Whether the target holds classes or
numbers is inferred from its values. A fifth of the rows is held out for testing, and a fifth of the
rest, at most 3,000 rows, decides which epoch is kept. Images (digits, fashion-mnist, or an .npz in
which X has 3 or more axes) get a plain network, by default with hidden layers of 128 and 64 units;
a tenth of their training rows chooses the epoch. Ctrl-C, or closing the terminal, stops training
and saves the best model so far; if nobody reads the output any more, training goes on. An older
model of the same name is replaced, but no other file.

If SOURCE is a folder with a folder of pictures for each class (.png, .jpg, .bmp, .gif, .webp; extra
`images`), a small residual network is trained; with texts (.txt), networks that read words and
parts of words. Files of other kinds, broken files and empty texts are left out and listed, even
with -q.

A run that takes more than about ten seconds keeps checkpoints in the folder MODEL.checkpoint until
it ends. After a crash, the same command with --resume continues from there and ends with the same
model, bit for bit, as an uninterrupted run. After Ctrl-C, --resume continues too. Without --resume,
the next run with that name removes the checkpoints. A folder of texts trains quickly and keeps
none.

\b
Examples:
  plainnet train digits
  plainnet train flowers.csv --target species --drop id
  plainnet train houses.csv.gz --target price --preset fast --epochs 64
  plainnet train flowers.csv --target species --report flowers.html
  plainnet train fashion-mnist --resume
  plainnet train photos/ --preset fast
  plainnet train reviews/
"""

PREDICT_HELP = """Write the predicted class or number of each row, as CSV.

Columns are matched by name; those that the model does not need are ignored. If a dataset has its
own test rows, these are predicted. For pictures and texts, the first column is the file name.

\b
Examples:
  plainnet predict digits-model.npz digits | head
  plainnet predict flowers-model.skops new.csv --proba --out predictions.csv
  plainnet predict photos-model.skops new.jpg more-photos/
  plainnet predict reviews-model.skops new.txt more-reviews/
"""

EXPLAIN_HELP = """Show every number of one prediction in its formula.

The explanation starts at the cells of the row, or the pixels or words, and goes through each layer
to the probabilities or the predicted number. Only the first and last terms of a long sum are shown.

\b
Examples:
  plainnet explain flowers-model.skops new.csv --row 3
  plainnet explain flowers-model.skops new.csv --unit "network_1.2.dense.Z[5]"
  plainnet explain flowers-model.skops new.csv --html flower.html
"""

DOCTOR_HELP = """Say what is wrong with a model, or with the rows that it was trained on.

Give the source and the options that the model was trained with, so that the same rows count as
training rows; its test rows serve as validation rows. For images, copies of the network are trained
for a short time; the model itself does not change. Each finding has its evidence, a remedy and, if
there is any, code for it.

An agent from `plainnet rl train` needs no source: new agents with its settings are trained for a
short time.

\b
Examples:
  plainnet doctor flowers-model.skops flowers.csv --target species
  plainnet doctor digits-model.npz digits
  plainnet doctor flowers-model.skops flowers.csv --target species --html flowers.html
  plainnet doctor CartPole-v1-ppo.npz
"""

TUNE_HELP = """Search for better settings than the preset's, for a model of a table.

Each trial trains a model with different settings and is judged by the loss on the validation rows;
the test rows are not used. The first trial is the preset. All trials are kept in a file, so the
same command continues after an interruption, by Ctrl-C or otherwise. The best settings are printed
as a `plainnet train` command.

\b
Examples:
  plainnet tune flowers.csv --target species --trials 30
  plainnet tune houses.csv.gz --target price --preset fast --timeout 600
"""

PLAYGROUND_HELP = """Open a page on which a network learns, with every number to see and change.

The page is served on this machine only, at an address with a token that lets in whoever opens it.
Ctrl-C ends the server. A link from the page's "Take away" brings its reader the same network.

\b
Examples:
  plainnet playground
  plainnet playground --setting "data=circle&layers=4-tanh&learning_rate=0.03"
  plainnet playground --lessons mine.toml
  plainnet playground --export circle.html --steps 500 --setting "data=circle"
  plainnet playground --export own.html --table own.csv --target price
"""

RL_HELP = """Train agents in Gymnasium's environments, and watch them.

\b
Examples:
  plainnet rl train CartPole-v1 --agent ppo
  plainnet rl watch CartPole-v1-ppo.npz
"""

RL_TRAIN_HELP = """Train an agent, save it, and report how well it does.

The agent is saved after about every tenth of the steps, and --resume continues from there: after a
crash, it ends with the same agent as an uninterrupted run; after Ctrl-C, which also saves the
agent, it starts new episodes. Without --resume, an agent in FILE is replaced only when the new one
has made all its steps; until then, the new one is saved as FILE-unfinished. The figure at the end
is the mean return of 100 new episodes.

\b
Examples:
  plainnet rl train CartPole-v1 --agent ppo
  plainnet rl train Acrobot-v1 --steps 300000 --set entropy_weight=0.01
  plainnet rl train CartPole-v1 --agent dqn --steps 500000 --resume
"""

RL_WATCH_HELP = """Show an episode in the terminal, or save it as a GIF.

The agent takes the action that it thinks best, and the same seed gives the same episode.

\b
Examples:
  plainnet rl watch CartPole-v1-ppo.npz
  plainnet rl watch CartPole-v1-ppo.npz --out cartpole.gif
"""
