"""Reinforcement learning: agents on the same networks, in Gymnasium's environments."""

from plainnet.rl.a2c import A2C
from plainnet.rl.agent import Agent, load_agent
from plainnet.rl.dqn import DQN
from plainnet.rl.learning import Learning
from plainnet.rl.plots import plot_probabilities, plot_values
from plainnet.rl.policies import Categorical, Gaussian, Policy
from plainnet.rl.ppo import PPO
from plainnet.rl.reinforce import REINFORCE
from plainnet.rl.watching import episode, record

__all__ = [
    "A2C",
    "DQN",
    "PPO",
    "REINFORCE",
    "Agent",
    "Categorical",
    "Gaussian",
    "Learning",
    "Policy",
    "episode",
    "load_agent",
    "plot_probabilities",
    "plot_values",
    "record",
]
