"""What the commands say of themselves."""

HELP = """Train neural networks on tables, and predict with them.

\b
Examples:
  plainnet train digits
  plainnet train flowers.csv --target species
  plainnet predict flowers-model.skops new.csv
"""

TRAIN_HELP = """Learn to predict a column of a table from the others, and save the model.

Texts, dates, booleans and missing values are used as they are. Whether the target is classes or
numbers is told from its values. A fifth of the rows is held out for testing, and a fifth of the
rest, at most 3,000 rows, decides which epoch is kept. Images (digits, fashion-mnist, an .npz with X
of 3 axes or more) get a plain network, by default 128 and 64 wide. Ctrl-C stops training, and the
best model so far is saved, as it is if the terminal or the reader of the output is gone. An older
model of the same name is replaced, and no other file.

A folder that has a folder of pictures for each class (.png, .jpg, .bmp, .gif, .webp; extra
`images`) is learned by a small residual network, and one of texts (.txt) by networks that know
words and parts of words. Files of another kind, broken ones and empty texts are left out and named,
also with -q.

A run that takes longer than some seconds keeps checkpoints in the folder MODEL.checkpoint until it
ends. After a crash, the same command with --resume continues from there, to the same model, bit for
bit, as if nothing had happened; after Ctrl-C it goes on too. Without --resume, the next run of that
name removes them. A folder of texts takes less time, and does without.

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

Columns are found by their names; those that the model does not need are ignored. If a dataset has
its own test rows, these are predicted. Of pictures and texts, the first column is the file.

\b
Examples:
  plainnet predict digits-model.npz digits | head
  plainnet predict flowers-model.skops new.csv --proba --out predictions.csv
  plainnet predict photos-model.skops new.jpg more-photos/
  plainnet predict reviews-model.skops new.txt more-reviews/
"""

EXPLAIN_HELP = """Show every number of one prediction, in its formula.

It goes from the cells of the row, or the pixels or words, through each layer to the probabilities
or the predicted number. Of a long sum the first and the last terms are written out.

\b
Examples:
  plainnet explain flowers-model.skops new.csv --row 3
  plainnet explain flowers-model.skops new.csv --unit "network_1.2.dense.Z[5]"
  plainnet explain flowers-model.skops new.csv --html flower.html
"""

DOCTOR_HELP = """Say what is wrong with a model, or with the rows that it was trained on.

Give the source and the options that it was trained with: the same rows train, and those that tested
the model validate here. Of images, short trainings on copies show what a training would; the model
stays as it is. Each finding has its evidence, a remedy and, where there is any, code for it.

An agent of `plainnet rl train` is given alone: new ones with its settings learn for a short time.

\b
Examples:
  plainnet doctor flowers-model.skops flowers.csv --target species
  plainnet doctor digits-model.npz digits
  plainnet doctor flowers-model.skops flowers.csv --target species --html flowers.html
  plainnet doctor CartPole-v1-ppo.npz
"""

TUNE_HELP = """Look for better settings for a table's model than the preset's.

Each trial trains with other settings and is judged by the loss on the validation rows; the test
rows are not looked at. The first trial is the preset. All trials are kept in a file, so that the
same command continues where it was stopped, by Ctrl-C or otherwise. The best settings are printed
as a command.

\b
Examples:
  plainnet tune flowers.csv --target species --trials 30
  plainnet tune houses.csv.gz --target price --preset fast --timeout 600
"""

RL_HELP = """Let agents learn in Gymnasium's environments, and watch them.

\b
Examples:
  plainnet rl train CartPole-v1 --agent ppo
  plainnet rl watch CartPole-v1-ppo.npz
"""

RL_TRAIN_HELP = """Train an agent, save it, and report how well it does.

It is saved after about each tenth of the steps, and --resume continues from there: after a crash,
to the same agent as if nothing had happened; after Ctrl-C, which also saves it, with new episodes.
Without --resume, an agent in FILE is replaced once the new one has made all its steps, and until
then it is saved as FILE-unfinished. The figure at the end is the mean return of 100 new episodes.

\b
Examples:
  plainnet rl train CartPole-v1 --agent ppo
  plainnet rl train Acrobot-v1 --steps 300000 --set entropy_weight=0.01
  plainnet rl train CartPole-v1 --agent dqn --steps 500000 --resume
"""

RL_WATCH_HELP = """Show an episode in the terminal, or save it as a GIF.

The agent takes what it thinks best, and the same seed gives the same episode.

\b
Examples:
  plainnet rl watch CartPole-v1-ppo.npz
  plainnet rl watch CartPole-v1-ppo.npz --out cartpole.gif
"""
