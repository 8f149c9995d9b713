"""The doctor's thresholds, each with its source.

TheDeepChecker: Ben Braiek and Khomh 2023, "Testing Feedforward Neural Networks Training Programs",
and the settings in its repository. AUTOTRAINER: Zhang et al. 2021, "AUTOTRAINER: An Automatic DNN
Training Problem Detection and Repair System", and its code. UMLAUT: Schoop et al. 2021. deepchecks,
cleanlab: the defaults of these packages. cs231n: the notes of Stanford's course.

Thresholds of symptoms raise false alarms in networks that learn well: a ReLU layer of a good
network may have a fifth of its units dead. Crossing a bound is therefore at first only
a suspicion, and remedies that can be tried are tried: see `trials`.
"""

# --- data -----------------------------------------------------------------------------------------

LARGE_MEAN = 3.0
"""A column whose mean is farther from zero (TheDeepChecker asks for 0, UMLAUT for values within
1)."""
DEVIATIONS = 0.1, 10.0
"""Bounds within which the standard deviation of a column, or of the targets, trains well."""
UNEVEN = 2.0
"""How many times the deviation of one column may be that of another without a suspicion."""
EVENNESS = 0.5
"""The perplexity of the classes, from 0 for one class to 1 for equal shares. TheDeepChecker has
this bound; exp(entropy) / K would never be below 1 / 2 for two classes."""
RARE = 0.2
"""A class with a smaller share of what equal shares would give (cleanlab: 0.1)."""
MANY_TIMES = 4.0
"""How many times as frequent as the median of the others a class may be: with two, a minority of a
fifth (the bound of "moderate" in Google's course on machine learning)."""
SHARED_ROWS = 0.02
"""The share of validation rows that are training rows too, beyond what chance explains
(deepchecks: 0.05, without chance)."""
NEAR = 0.25
"""How near a validation row is to its nearest training row, as a share of what training rows are to
each other (cleanlab: 0.13)."""
TELLING, TELLING_GAP, TELLING_ALL = 0.7, 0.3, 0.9
"""How much of the target a single column predicts, and how far the next column lies behind: a
warning, since a legitimate column may (deepchecks: 0.7); and how much is serious."""
TELLING_ALONE = 0.5
"""How far behind the next column must lie for that alone to be a warning."""
SHIFT = 0.2
"""Largest Kolmogorov-Smirnov distance between a column's distributions in two samples
(deepchecks)."""
AGAINST = 0.15
"""Among rows whose neighbours agree on a class, the share with another class."""

# --- start ----------------------------------------------------------------------------------------

START_LOSS = 0.5, 2.0
"""By which share the initial loss exceeds that of guessing: a suspicion, a warning (cs231n,
"look for the correct loss at chance performance"; TheDeepChecker: 1.0)."""
GAINS = 0.5, 2.0
"""Gain of the mean square from a layer's input to the next layer's (He et al. 2015, section 2.2:
the product of many must neither vanish nor explode)."""
TOTAL_GAINS = 0.05, 20.0
"""Gain of the mean square through all layers."""
ALIKE = 0.4
"""What is left of a layer's weights without the part its units share; about 1 if random."""
FITTED = 0.5
"""Share of the loss of guessing above which a few rows have not been memorized (cs231n,
"overfit a tiny subset of data")."""
REMEMBERED = 0.7, 1.3
"""The norm of a recurrent layer's U, by which a step multiplies what it remembers (Pascanu et al.
2013, section 2: with 1 for the largest singular value, gradients neither vanish nor explode)."""
LONG_AGO = 1e-2, 1e2
"""The gradient at the first step of a sequence over that at the last."""
FORGOTTEN = 1.2e-7
"""The same ratio at which float32 loses it beside the last steps' gradients: its epsilon."""
DROPPED = 0.2
"""The share of the inputs that dropout may take away (Srivastava et al. 2014, section A.4)."""
OUT_OF_REACH = 0.1
"""The share of targets out of the last activation's range that is serious."""
SEEN = 1e-3
"""How far outputs vary with the rows, as a share of their size."""
STEEP = 1e5
"""A layer that enlarges a gradient by this factor divides by almost zero."""

# --- during ---------------------------------------------------------------------------------------

DEAD = 0.2, 0.5
"""The share of a layer's units that are zero on all rows: a suspicion, a warning (cs231n: "as much
as 40%" after a learning rate that is too high)."""
TAIL, IN_TAIL, SATURATED = 0.05, 0.85, 0.5
"""The share of an activation's range at either end that is its tail; the share of rows there that
makes a unit saturated; the share of such units that makes a layer saturated (TheDeepChecker)."""
VANISHING = 1e-3, 1e-4
"""The ratio of the first to the last weights' gradient, and the first itself (AUTOTRAINER)."""
FADING = 0.1
"""The same ratio where it is suspected."""
EXPLODING = 70.0
"""The same ratio (AUTOTRAINER)."""
UPDATES = 1e-4, 1e-1
"""Ratio of an update's norm to the tensor's; about 1e-3 is usual (cs231n, "ratio of weights:
updates")."""
CLIPPED = 0.9
"""The share of steps whose gradient was shortened."""
OUTWEIGHED = 0.1, 1.0
"""The norm of the regularization's gradient over that of the data's, early in training: a
suspicion, a warning (TheDeepChecker: 2). Late, the two are in balance."""
SLOW_MOMENTUM = 0.99
"""Running statistics that follow more slowly are suspected."""

# --- end ------------------------------------------------------------------------------------------

GAP, WIDE_GAP = 0.1, 0.25
"""How much more of what can be learned is learned on training rows than on others."""
BEHIND = 0.05
"""How much more of it a plain reference learns."""
RISEN, FAR_RISEN = 1.15, 1.5
"""The ratio of a validation loss to its lowest (nnscope); the ratio needed for a low loss."""
JUMPS = 0.3
"""The share of epochs in which the loss rises by more than a tenth (AUTOTRAINER: 0.2 of the
epochs)."""
FALLS = 0.02
"""The share by which a loss must fall in order not to be flat."""
CALIBRATION = 0.03, 0.15
"""Expected calibration error (Guo et al. 2017, equation 3) beyond what a calibrated network of as
few rows has: a warning, serious."""
TEMPERATURES = 0.67, 1.5
"""The temperature that fits is between these (Guo et al. 2017, section 4.2)."""

# --- trials ---------------------------------------------------------------------------------------

NOTHING = 0.97
"""With more of the loss of guessing, nothing has been learned."""
KNOWN = 0.3
"""With less of it on rows that were held out, their labels are not mixed up."""
ERRORS = 2.0, 3.0, 4.0
"""Standard errors between two samples: worth a second look, a warning, serious."""

HELPS, HELPS_MUCH = 0.1, 0.25
"""The share of the loss that a remedy takes away, on training rows and on others: with less it does
not help, with more the fault is serious."""
WORTH, WORTH_MUCH = 0.02, 0.05
"""The same as a share of the loss of guessing."""

# --- while it watches -----------------------------------------------------------------------------

TO_SPEAK, TO_BE_SILENT = 3, 9
"""How many times in a row a sign must show, or be gone."""

# --- agents ---------------------------------------------------------------------------------------
#
# Huang et al. 2022: "The 37 Implementation Details of Proximal Policy Optimization", detail 12 and
# its note on the debug variables. Jones 2021: "Debugging RL, Without the Agonizing Pain". Schulman
# 2016: "The Nuts and Bolts of Deep RL Research". Spinning Up: the defaults of its PPO.

LARGE_STEP, SMALL_STEP = 0.03, 3e-4
"""The divergence of the policy from iteration to iteration (Huang et al.: below 0.02 in agents that
learn well; Spinning Up ends an iteration at 0.015)."""
MUCH_CLIPPED = 0.3
"""The share of actions whose probability has left the clip after an iteration (Stable Baselines and
CleanRL log it; agents that learn well have 0.1 to 0.2)."""
COLLAPSED, UNDECIDED = 0.1, 0.9
"""The policy's entropy as a share of ln n, or its sigma (Jones: near 0 the policy has collapsed,
near 1 it acts at random)."""
NOTHING_EXPLAINED = 0.0
"""Explained variance of the values: no more than a constant explains (Schulman)."""
OVERESTIMATED = 2.0
"""How far values may lie above the returns that follow, in deviations (van Hasselt et al. 2016,
figure 3, has Q values many times the returns)."""
REWARD_SIZES, LARGE_REWARD = (0.05, 300.0), 10.0
"""The size of discounted returns between which values learn well, and the largest reward of a step
(Schulman: rescale the rewards; Mnih et al. 2015 clip them to 1)."""
HORIZON, SHORT = 3.0, 0.9
"""Gamma is suspected if episodes are this many times 1 / (1 - gamma), or if it is smaller."""
FEW_STEPS, FEW_UPDATES = 256, 12
"""Steps of an iteration of PPO, and iterations of a learning: with fewer, more are tried."""
EXPLORES = 0.3, 0.05
"""A last epsilon above the first, and exploration over a smaller share of all steps than the
second, are suspected (Mnih et al. 2015: down to 0.1 over the first fiftieth)."""
MEMORY, WAITS = 0.25, 0.25
"""A memory of a smaller share of all steps, and learning that starts after a larger one."""
FOLLOWS = 10, 0.1
"""Updates over which the target network follows: fewer than the first, or more than this share of
all (Mnih et al. 2015: 10,000 of millions)."""
FELL = 0.5
"""What is left at the end of the best mean return over a tenth of the learning, beyond random."""
BETTER, MUCH_BETTER = 0.1, 0.25
"""The share of the return, beyond that of random actions, that a remedy brings: with less it does
not help; with more the fault is serious."""
